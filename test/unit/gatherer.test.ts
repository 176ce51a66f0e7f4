import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { CommitContent, PositionStep } from '../../src/central/commit.ts';
import type { Position } from '../../src/central/position.ts';
import type { StoredSource } from '../../src/central/positions.ts';
import { Gatherer } from '../../src/mover/gatherer.ts';
import { makeParcel } from '../../src/mover/parcel.ts';
import { Source } from '../../src/mover/source.ts';

// Only how long is waited after a failure; that it is waited is seen by the order of things.
vi.mock('../../src/lifecycle/backoff.ts', () => ({ backoffMs: () => 1 }));

const running: { gatherer: Gatherer; ended: Promise<void> }[] = [];
afterEach(async () => {
  for (const { gatherer, ended } of running.splice(0)) {
    await gatherer.stop();
    await ended;
  }
});

const at = (id: number): Position => ({ tick: { id, timeUs: id * 1_000, eventSeq: id, md5: `m${id}` } });

/** A source at tick 0; the bytes of its events are their names. */
function givenSource(id: number): Source {
  const queue = `q${id}`;
  return new Source(storedAs(id, { n: 1, tick: 0 }), {
    reading: { shard: 's1', queue, where: undefined, columns: {}, origin: 'extra4' },
    tickerMode: 'auto',
  });
}

const storedAs = (id: number, { n, tick }: { n: number; tick: number }): StoredSource => ({
  id,
  shard: 's1',
  queue: `q${id}`,
  centralQueue: 'orders',
  state: 'active',
  haltReason: undefined,
  paused: false,
  pauseReason: undefined,
  position: at(tick),
  n,
  moved: 0,
});

/** What central would hold: events by source, and each source's newest n and tick. */
class FakeCentral {
  readonly events: string[] = [];
  readonly positions = new Map<number, { n: number; tick: number }>();
  /** Once: the connection breaks before the commit, or after it. */
  fault: string = 'none';
  /** Fails when a commit touches it. */
  bad: number | undefined;
  #gate: Promise<void> | undefined;
  open: () => void = () => {};

  /** The next commits wait until `open`. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  async commit({ chunks: rows, steps }: CommitContent): Promise<number | undefined> {
    await this.#gate;
    const chunks: Buffer[] = [];
    for await (const chunk of rows) chunks.push(chunk);
    const { fault } = this;
    this.fault = 'none';
    if (fault === 'connection') throw new Error('Connection terminated');
    if (steps.some(({ source }) => source === this.bad))
      throw Object.assign(new Error('bad row'), { code: '22021' });
    for (const step of steps) this.#check(step);
    for (const { source, n, to } of steps) this.positions.set(source, { n, tick: to.tick.id });
    this.events.push(...chunks.map((chunk) => chunk.toString()));
    if (fault === 'unknown') throw new Error('Connection terminated');
    return chunks.length === 0 ? undefined : 1;
  }

  #check({ source, n, after }: PositionStep): void {
    const { n: newest, tick } = this.positions.get(source) ?? { n: 1, tick: 0 };
    if (n !== newest + 1 || after.tick.id !== tick)
      throw Object.assign(new Error('position moved'), { code: 'TB010' });
  }
}

function givenGatherer(central: FakeCentral) {
  const troubles: { error: unknown; source: Source | undefined }[] = [];
  const gatherer = new Gatherer('orders', {
    commit: (content) => central.commit(content),
    onCommitted: () => {},
    onTrouble: (error, source) => troubles.push({ error, source }),
    idleMs: 5,
  });
  running.push({ gatherer, ended: gatherer.run() });
  return { gatherer, troubles };
}

/** Every third tick of the model is empty. */
const eventsIn = (source: Source, from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => from + k)
    .filter((tick) => tick % 3 !== 0)
    .map((tick) => `${source.id}:${tick}`);

/** Reads the next `ticks` ticks, as a shard session does. */
function read(source: Source, ticks: number) {
  const from = source.handed as Position;
  const first = (source.ahead as Position).tick.id + 1;
  const to = at(first + ticks - 1);
  source.ahead = to;
  source.handed = to;
  const chunks = eventsIn(source, first, to.tick.id).map((event) => Buffer.from(event));
  return makeParcel({ source, from, chunks, bytes: chunks.length, rows: chunks.length, to });
}

const reload = (source: Source, central: FakeCentral) =>
  source.reload(storedAs(source.id, central.positions.get(source.id) ?? { n: 1, tick: 0 }));

describe('mover/gatherer', () => {
  test('parcels of several sources are committed together, each after what it follows', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const [a, b] = [givenSource(1), givenSource(2)];
    central.hold();
    const parcels = [read(a, 2), read(b, 1), read(a, 1), read(b, 2)];
    for (const { parcel } of parcels) gatherer.add(parcel);
    central.open();
    expect(await Promise.all(parcels.map(({ settled }) => settled))).toEqual(Array(4).fill(undefined));
    expect(central.events.filter((event) => event.startsWith('1:'))).toEqual(eventsIn(a, 1, 3));
    expect(central.events.filter((event) => event.startsWith('2:'))).toEqual(eventsIn(b, 1, 3));
  });

  test('a window read on from a failed commit is refused, although it came after the failure', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const source = givenSource(1);
    const first = read(source, 3);
    central.fault = 'connection';
    gatherer.add(first.parcel);
    expect(await first.settled).toBeInstanceOf(Error);
    // The next turn had begun before it could know.
    const next = read(source, 2);
    gatherer.add(next.parcel);
    expect(await next.settled).toMatchObject({ code: 'outdated' });
    expect(central.events).toEqual([]);
    reload(source, central);
    const again = read(source, 5);
    gatherer.add(again.parcel);
    expect(await again.settled).toBeUndefined();
    expect(central.events).toEqual(eventsIn(source, 1, 5));
  });

  test('a window still waiting when its source begins anew is not committed beside the one read again', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const [busy, source] = [givenSource(1), givenSource(2)];
    central.hold();
    const slow = read(busy, 1);
    gatherer.add(slow.parcel);
    const waiting = read(source, 3);
    gatherer.add(waiting.parcel);
    reload(source, central);
    const again = read(source, 3);
    gatherer.add(again.parcel);
    central.open();
    await Promise.all([slow.settled, waiting.settled, again.settled]);
    expect(central.events).toEqual([...eventsIn(busy, 1, 1), ...eventsIn(source, 1, 3)]);
  });

  test('a window that waits for company does not undo a position that was set back meanwhile', async () => {
    const central = new FakeCentral();
    const { gatherer } = givenGatherer(central);
    const source = givenSource(1);
    central.positions.set(1, { n: 5, tick: 8 });
    reload(source, central);
    central.hold();
    const idle = read(source, 1);
    expect(idle.parcel.rows).toBe(0);
    gatherer.add(idle.parcel);
    // An operator rewinds it.
    central.positions.set(1, { n: 6, tick: 3 });
    reload(source, central);
    central.open();
    expect(await idle.settled).toMatchObject({ code: 'outdated' });
    const again = read(source, 7);
    gatherer.add(again.parcel);
    await again.settled;
    expect(central.events).toEqual(eventsIn(source, 4, 10));
  });

  test('one source to blame is left behind alone, and rests; its later windows are refused too', async () => {
    const central = new FakeCentral();
    const { gatherer, troubles } = givenGatherer(central);
    const sources = [1, 2, 3, 4, 5].map(givenSource);
    central.bad = 4;
    central.hold();
    const parcels = sources.flatMap((source) => [read(source, 1), read(source, 1)]);
    for (const { parcel } of parcels) gatherer.add(parcel);
    central.open();
    const ends = await Promise.all(parcels.map(({ settled }) => settled));
    expect(ends.map((end) => end === undefined)).toEqual(sources.flatMap(({ id }) => [id !== 4, id !== 4]));
    expect(troubles.map(({ source }) => source?.id)).toEqual([4]);
    expect(sources[3]?.trouble?.state).toBe('unreachable');
    expect(central.events.length).toBe(8);
  });

  test('another mover being faster is nobody’s fault', async () => {
    const central = new FakeCentral();
    const { gatherer, troubles } = givenGatherer(central);
    const source = givenSource(1);
    central.positions.set(1, { n: 2, tick: 3 });
    const late = read(source, 3);
    gatherer.add(late.parcel);
    expect(await late.settled).toMatchObject({ code: 'TB010' });
    expect(source.canMove).toBe(true);
    expect(troubles).toEqual([]);
  });

  test('whatever fails, is read again or waits: in the end each event once and in order', async () => {
    const step = fc.record({
      source: fc.nat({ max: 2 }),
      ticks: fc.integer({ min: 1, max: 4 }),
      fault: fc.constantFrom('none', 'none', 'none', 'connection', 'unknown', 'row'),
      reloads: fc.boolean(),
      waits: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const central = new FakeCentral();
        const { gatherer } = givenGatherer(central);
        const sources = [1, 2, 3].map(givenSource);
        const ends: Promise<unknown>[] = [];
        const add = (source: Source, ticks: number) => {
          const { parcel, settled } = read(source, ticks);
          gatherer.add(parcel);
          ends.push(settled);
          return settled;
        };
        for (const { source: index, ticks, fault, reloads, waits } of steps) {
          const source = sources[index] as Source;
          if (reloads) reload(source, central);
          central.fault = fault;
          central.bad = fault === 'row' ? source.id : undefined;
          const settled = add(source, ticks);
          if (waits) await settled;
        }
        central.fault = 'none';
        central.bad = undefined;
        await Promise.all(ends);
        for (const source of sources) {
          reload(source, central);
          const reached = source.position?.tick.id as number;
          expect(await add(source, 121 - reached)).toBeUndefined();
          const own = central.events.filter((event) => event.startsWith(`${source.id}:`));
          expect(own).toEqual(eventsIn(source, 1, 121));
        }
      }),
      { numRuns: 100 },
    );
  });
});
