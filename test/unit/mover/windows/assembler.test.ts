import { describe, expect, test, vi } from 'vitest';
import type { Position } from '../../../../src/central/position.ts';
import type { StoredSource } from '../../../../src/central/positions.ts';
import { MemoryBudget } from '../../../../src/mover/limits/memory-budget.ts';
import type { Parcel } from '../../../../src/mover/parcel.ts';
import { Source } from '../../../../src/mover/source/source.ts';
import { Assembler } from '../../../../src/mover/windows/assembler.ts';
import type { RowPiece } from '../../../../src/mover/windows/cutter.ts';
import type { DividedWindow } from '../../../../src/mover/windows/divided-window.ts';
import { dialectOf } from '../../../../src/queue/dialect.ts';
import type { QueueOnShard } from '../../../../src/shards/queue-on-shard.ts';

const tick = (id: number) => ({ id, timeUs: id, eventSeq: id, md5: `m${id}`, snapshot: `${id}:${id}:` });
const reading = { shard: 's1', queue: 'orders', where: undefined, columns: {}, origin: 'extra4' } as const;

const storedAt = (position: Position, n = 1): StoredSource => ({
  id: 1,
  shard: 's1',
  queue: 'orders',
  centralQueue: 'orders',
  state: 'active',
  haltReason: undefined,
  paused: false,
  pauseReason: undefined,
  position,
  n,
  moved: 0,
});

function given(dead: readonly number[] = [], budget = new MemoryBudget(1_000, 100)) {
  const { snapshot: _snapshot, ...start } = tick(1);
  const source = new Source(storedAt({ tick: start }), { reading, tickerMode: 'auto' });
  if (!source.hasPosition()) throw new Error('The source has no position.');
  const queue: QueueOnShard = {
    queue: 'orders',
    queueId: 1,
    eventTable: 'pgq.event_1',
    provider: 'engine',
    dialect: dialectOf('txid_snapshot'),
  };
  const window = { queue, start: tick(1), end: tick(2), afterEventId: undefined };
  const parcels: Parcel[] = [];
  const cuts: DividedWindow[] = [];
  const buried = dead.map((id) => ({
    id,
    row: Buffer.from('x'),
    origin: `s1:orders:${id}`,
    error: 'no',
    sqlstate: '22P02',
  }));
  const assembler = new Assembler([{ source, reader: { window, reading }, dead: buried }], {
    budget,
    wholeBytes: budget.room > 1_000 ? MEGABYTE * 2 : 100,
    wholeEvents: 1_000,
    emit: (parcel) => {
      parcels.push(parcel);
      drain(parcel).catch(() => {});
    },
    onCut: (_source, cut) => cuts.push(cut),
    onOriginTaken: () => {},
  });
  return { source, assembler, parcels, cuts };
}

/** As a commit reads a large row that is under way. */
async function drain({ chunks }: Parcel): Promise<void> {
  for await (const _ of chunks);
}

const MEGABYTE = 1_048_576;

const piece = (id: number, part?: RowPiece['part']): RowPiece => ({
  k: 0,
  bytes: Buffer.from(String(id)),
  rows: part === undefined || part === 'first' ? 1 : 0,
  firstEventId: id,
  lastEventId: id,
  taken: 0,
  ...(part === undefined ? {} : { part }),
});

describe('mover/windows/assembler', () => {
  test('a large row with the id of the row before it is refused: its source pauses, and nothing is handed on', async () => {
    const { source, assembler, parcels } = given();
    await expect(assembler.add([piece(7), piece(7, 'first')])).rejects.toThrow(
      'Two events of s1:orders have the id 7, and one is larger than mover.whole. Raise `mover.whole`.',
    );
    assembler.abandon();
    expect(parcels).toEqual([]);
    expect(source.canMove()).toBe(false);
    expect(source.trouble?.reason).toContain('have the id 7');
  });

  test('in a window in parts each dead event goes with the part that moves the position over it', async () => {
    const { assembler, parcels } = given([3, 8, 12, 20]);
    const large = { ...piece(5), bytes: Buffer.alloc(101) };
    await assembler.add([large, piece(9, 'first'), piece(9, 'last'), piece(15)]);
    assembler.finish();
    expect(parcels.map(({ to, dead = [] }) => [to.inside?.lastEventId, dead.map(({ id }) => id)])).toEqual([
      [5, [3]],
      [9, [8]],
      [undefined, [12, 20]],
    ]);
  });

  test('a window with more events than may be together goes in parts, between events of different ids', async () => {
    const { assembler, parcels, cuts } = given();
    const rows = (first: number, last: number, count: number) => ({
      ...piece(first),
      lastEventId: last,
      rows: count,
    });
    await assembler.add([
      rows(1, 600, 600),
      rows(601, 1_000, 400),
      rows(1_001, 1_500, 500),
      rows(1_501, 1_900, 400),
    ]);
    // Cut here, the second of the two with one id would be taken for moved after a crash.
    await assembler.add([rows(1_900, 2_300, 401), rows(2_301, 2_400, 100)]);
    assembler.finish();
    expect(parcels.map(({ rows, to }) => [rows, to.inside?.lastEventId])).toEqual([
      [1_000, 1_000],
      [1_301, 2_300],
      [100, undefined],
    ]);
    expect(cuts.map(({ events, parts, isLast }) => [events, parts, isLast])).toEqual([
      [1_000, 1, false],
      [2_301, 2, false],
      [2_401, 3, true],
    ]);
  });

  test('what was read before its source began anew is not handed on', async () => {
    const { source, assembler, parcels } = given();
    await assembler.add([piece(7)]);
    source.reload(storedAt({ tick: tick(9) }, 2));
    const before = source.ahead;
    await expect(assembler.add([piece(8, 'first')])).rejects.toThrow('Read before a failed commit.');
    assembler.abandon();
    expect(parcels).toEqual([]);
    expect(source.ahead).toBe(before);
  });

  test('a row that comes in small pieces counts for the budget before it is complete, and once only', async () => {
    const budget = new MemoryBudget(8 * MEGABYTE, 4 * MEGABYTE);
    const { assembler, parcels } = given([], budget);
    await assembler.add([], MEGABYTE / 2);
    await assembler.add([], MEGABYTE);
    expect(budget.used).toBe(MEGABYTE);
    await assembler.add([{ ...piece(7), bytes: Buffer.alloc(MEGABYTE - 100) }], MEGABYTE / 2);
    expect(budget.used).toBe(MEGABYTE * 1.5 - 100);
    await assembler.add([{ ...piece(8), bytes: Buffer.alloc(MEGABYTE / 2) }]);
    assembler.finish();
    for (const { settle } of parcels) settle();
    await assembler.settled;
    expect(budget.used).toBe(0);
  });

  test('a large row that comes too slowly gives up its place where others wait, and keeps it where none does', async () => {
    vi.useFakeTimers();
    const budget = new MemoryBudget(1_000, 100);
    const { assembler } = given([], budget);
    await assembler.add([piece(7, 'first')]);
    vi.advanceTimersByTime(60_000);
    await assembler.add([piece(7, 'middle')]);
    const next = budget.oversize();
    await expect(assembler.add([piece(7, 'middle')])).rejects.toThrow(
      'A large event of s1:orders comes at 0 kB/s while others wait for its place; it is tried again.',
    );
    assembler.abandon();
    (await next)();
    vi.useRealTimers();
  });

  test('a row that never ends is not held any longer', async () => {
    const budget = new MemoryBudget(8 * MEGABYTE, 4 * MEGABYTE);
    const { assembler } = given([], budget);
    await assembler.add([], MEGABYTE);
    assembler.abandon();
    expect(budget.used).toBe(0);
  });
});

describe('mover/source/source', () => {
  test('a failure does not hide why a source is halted, and the end of the failure does not resume it', () => {
    const { source } = given();
    source.failed(new Error('no'), 'read');
    source.halt('diverged');
    source.failed(new Error('no'), 'read');
    source.succeeded('read');
    expect(source.trouble).toEqual({ state: 'halted', reason: 'diverged' });
  });
});
