import { describe, expect, test } from 'vitest';
import type { Position } from '../../../src/central/position.ts';
import type { StoredSource } from '../../../src/central/positions.ts';
import { Source } from '../../../src/mover/source/source.ts';
import type { SeenQueue } from '../../../src/shards/round.ts';

const SECOND = 1_000_000;

/** Tick `id`, made at `id` seconds, with ten events before each. */
const tick = (id: number) => ({
  id,
  timeUs: id * SECOND,
  eventSeq: id * 10,
  md5: `m${id}`,
  snapshot: '1:1:',
});
const at = (id: number): Position => {
  const { snapshot: _, ...fingerprint } = tick(id);
  return { tick: fingerprint };
};

function givenSource(id: number): Source {
  const stored: StoredSource = {
    id: 1,
    shard: 's1',
    queue: 'orders',
    centralQueue: 'orders',
    state: 'active',
    haltReason: undefined,
    paused: false,
    pauseReason: undefined,
    position: at(id),
    n: 1,
    moved: 0,
  };
  const reading = { shard: 's1', queue: 'orders', where: undefined, columns: {}, origin: 'extra4' } as const;
  return new Source(stored, { reading, tickerMode: 'auto' });
}

/** What a round sees at `nowS` of ticks up to `newest`, asked from where the source's reading stands. */
function seen(
  source: Source,
  { newest, nowS, ...more }: { newest: number; nowS: number } & Partial<Omit<SeenQueue, 'newest'>>,
): SeenQueue {
  const from = source.ahead?.tick.id ?? 0;
  const { id, timeUs, eventSeq } = tick(newest);
  return {
    queue: 'orders',
    nowUs: nowS * SECOND,
    start: tick(from),
    startSnapshot: '1:1:',
    newest: { id, timeUs, eventSeq, open: false },
    hasMore: false,
    end: newest > from ? tick(newest) : undefined,
    oldestTickUs: newest > from ? (from + 1) * SECOND : undefined,
    lastSeq: eventSeq,
    uncovered: false,
    missingXids: 0,
    external: false,
    tickerPaused: false,
    ticked: undefined,
    ...more,
  };
}

/** A window up to tick `id` is read, and not committed yet. */
function read(source: Source, id: number, { isEmpty = false } = {}): void {
  if (isEmpty) source.readTo(at(id));
  else source.handOn(at(id));
}

function commit(source: Source): void {
  source.committed({ n: source.n + 1, position: source.handed as Position, rows: 10 });
}

describe('mover/source/figures', () => {
  test('zero events behind are shown only where no row is left and all that was read is committed', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 5, nowS: 9 }), 1);
    expect(source.figures).toMatchObject({ eventsBehind: 0, isExact: true, secondsBehind: 0, atMs: 1 });
    read(source, 6);
    source.saw(seen(source, { newest: 6, nowS: 9 }), 2);
    expect(source.figures).toMatchObject({ eventsBehind: 10, isExact: false });
    commit(source);
    source.saw(seen(source, { newest: 6, nowS: 9 }), 3);
    expect(source.figures).toMatchObject({ eventsBehind: 0, isExact: true, secondsBehind: 0 });
  });

  test('an estimate is never zero', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 5, nowS: 9, uncovered: true, lastSeq: 12 }), 1);
    expect(source.figures).toMatchObject({ eventsBehind: 1, isExact: false });
  });

  test('windows without events do not make a source look behind', () => {
    const source = givenSource(5);
    read(source, 6, { isEmpty: true });
    source.saw(seen(source, { newest: 6, nowS: 20 }), 1);
    expect(source.figures).toMatchObject({ eventsBehind: 0, isExact: true, secondsBehind: 0 });
  });

  test('while events flow, seconds are the age of the oldest tick that is not committed, and do not grow', () => {
    const source = givenSource(0);
    for (let now = 2; now < 500; now++) {
      source.saw(seen(source, { newest: now, nowS: now }), now);
      expect(source.figures.secondsBehind).toBeLessThanOrEqual(2);
      expect(source.figures.secondsBehind).toBeGreaterThan(0);
      if (source.handed !== source.position) commit(source);
      read(source, now);
    }
  });

  test('while central takes nothing the seconds grow', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 6, nowS: 6 }), 1);
    read(source, 6);
    source.saw(seen(source, { newest: 9, nowS: 100 }), 2);
    expect(source.figures.secondsBehind).toBe(94);
  });

  test('an event after a quiet night is as old as the last look, not as the last tick', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 5, nowS: 30_000 }), 1);
    source.saw(seen(source, { newest: 5, nowS: 30_001, uncovered: true }), 2);
    expect(source.figures.secondsBehind).toBe(1);
  });

  test('a clock that is set back, on the shard, makes nothing younger than it was seen to be', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 5, nowS: 1 }), 1_000);
    source.saw(seen(source, { newest: 5, nowS: 1, uncovered: true }), 2_000);
    source.saw(seen(source, { newest: 5, nowS: 2, uncovered: true }), 9_000);
    expect(source.figures).toMatchObject({ eventsBehind: 1, secondsBehind: 7 });
    source.saw(seen(source, { newest: 9, nowS: 3 }), 10_000);
    read(source, 9);
    source.saw(seen(source, { newest: 9, nowS: 4 }), 15_000);
    expect(source.figures.secondsBehind).toBe(5);
  });

  test('a figure that a quick round does not bring keeps its age', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 5, nowS: 9 }), 1);
    source.saw(seen(source, { newest: 5, nowS: 10, uncovered: undefined }), 2);
    expect(source.figures.atMs).toBe(1);
  });

  test('a shard that went back in time gives no figure for the position', () => {
    const source = givenSource(5);
    source.saw(seen(source, { newest: 5, nowS: 9 }), 1);
    source.saw(seen(source, { newest: 5, nowS: 10, start: { ...tick(5), md5: 'other' } }), 2);
    source.saw(seen(source, { newest: 5, nowS: 11, start: undefined }), 3);
    expect(source.figures.atMs).toBe(1);
  });

  test('the ticker that has to make the tick that events wait for is named', () => {
    const source = givenSource(5);
    const waiting = { newest: 5, nowS: 9, uncovered: true };
    source.saw(seen(source, { ...waiting, tickerPaused: true }), 1);
    expect(source.figures.tickless).toBe('paused');
    source.saw(seen(source, { ...waiting, external: true }), 2);
    expect(source.figures.tickless).toBe('external');
    source.saw(seen(source, { ...waiting, ticked: 5 }), 3);
    expect(source.figures.tickless).toBeUndefined();
  });
});
