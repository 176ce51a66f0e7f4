// Sources, parcels and a central in memory, for the tests of the gatherer.
import { onTestFinished } from 'vitest';
import type { CommitContent, PositionStep } from '../../../src/central/commit/commit.ts';
import type { Committed } from '../../../src/central/commit/committed.ts';
import type { Position } from '../../../src/central/position.ts';
import type { StoredSource } from '../../../src/central/positions.ts';
import { Gatherer } from '../../../src/mover/gather/gatherer.ts';
import type { LaneName } from '../../../src/mover/gather/parcel-queue.ts';
import type { SortOut } from '../../../src/mover/gather/refused-events.ts';
import { makeParcel } from '../../../src/mover/parcel.ts';
import { RowStream } from '../../../src/mover/row-stream.ts';
import { type MovableSource, Source } from '../../../src/mover/source/source.ts';

const at = (id: number): Position => ({ tick: { id, timeUs: id * 1_000, eventSeq: id, md5: `m${id}` } });

/** A source at tick 0, whose events have their names as bytes. */
export function givenSource(id: number): MovableSource {
  const queue = `q${id}`;
  const source = new Source(storedAs(id, { n: 1, tick: 0 }), {
    reading: { shard: 's1', queue, where: undefined, columns: {}, origin: 'extra4' },
    tickerMode: 'auto',
  });
  if (!source.hasPosition()) throw new Error('The source has no position.');
  return source;
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
export class FakeCentral {
  readonly events: string[] = [];
  readonly positions = new Map<number, { n: number; tick: number }>();
  /** Breaks the connection once, before the commit or after it. */
  fault: string = 'none';
  /** The source whose commits fail. */
  bad: number | undefined;
  /** The sources of each commit that was tried, and its lane. */
  readonly tried: { readonly lane: LaneName; readonly sources: readonly number[] }[] = [];
  readonly #gates = new Map<LaneName, Promise<void>>();
  #open: (() => void)[] = [];

  /** Lets the next commits, of one lane or of all, wait until `open`. */
  hold(...lanes: LaneName[]): void {
    const gate = new Promise<void>((resolve) => this.#open.push(resolve));
    for (const lane of lanes.length > 0 ? lanes : (['quick', 'large', 'stream'] as const))
      this.#gates.set(lane, gate);
  }

  open(): void {
    this.#gates.clear();
    for (const open of this.#open.splice(0)) open();
  }

  async commit({ chunks: rows, steps }: CommitContent, lane: LaneName): Promise<Committed | undefined> {
    this.tried.push({ lane, sources: steps.map(({ source }) => source) });
    await this.#gates.get(lane);
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
    return chunks.length === 0 ? undefined : { xid: 1, queues: ['orders'], isCovered: false };
  }

  #check({ source, n, after }: PositionStep): void {
    const { n: newest, tick } = this.positions.get(source) ?? { n: 1, tick: 0 };
    if (n !== newest + 1 || after.tick.id !== tick)
      throw Object.assign(new Error('position moved'), { code: 'TB010' });
  }
}

/** `retryMs`: how long a lane waits after a failure, at least half of it. */
export function givenGatherer(
  central: FakeCentral,
  {
    sortOut,
    retryMs = 1,
    isMoreComing = () => false,
  }: { sortOut?: SortOut; retryMs?: number; isMoreComing?: () => boolean } = {},
) {
  const troubles: { error: unknown; source: Source | undefined }[] = [];
  const gatherer = new Gatherer('orders', {
    connectionOf: (lane) => ({
      commit: (content) => central.commit(content, lane),
      ...(sortOut === undefined ? {} : { sortOut }),
    }),
    onCommitted: () => {},
    onTrouble: (error, source) => troubles.push({ error, source }),
    idleMs: 5,
    isMoreComing,
    retry: { firstMs: retryMs, maxMs: retryMs },
  });
  const ended = gatherer.run();
  onTestFinished(async () => {
    central.open();
    await gatherer.stop();
    await ended;
  });
  return { gatherer, troubles };
}

/** Every third tick of the model is empty. */
export const eventsIn = (source: Source, from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => from + k)
    .filter((tick) => tick % 3 !== 0)
    .map((tick) => `${source.id}:${tick}`);

/** Reads the next `ticks` ticks, as a shard session does. */
export function read(source: Source, ticks: number, { bytes }: { bytes?: number } = {}) {
  const from = source.handed as Position;
  const first = (source.ahead as Position).tick.id + 1;
  const to = at(first + ticks - 1);
  source.handOn(to);
  const chunks = eventsIn(source, first, to.tick.id).map((event) => Buffer.from(event));
  return makeParcel({ source, from, chunks, bytes: bytes ?? chunks.length, rows: chunks.length, to });
}

export const reload = (source: Source, central: FakeCentral) =>
  source.reload(storedAs(source.id, central.positions.get(source.id) ?? { n: 1, tick: 0 }));

/** Reads the next tick as one event that comes in parts. */
export function readStream(source: Source) {
  const from = source.handed as Position;
  const to = at((source.ahead as Position).tick.id + 1);
  source.handOn(to);
  const stream = new RowStream();
  return { stream, ...makeParcel({ source, from, chunks: stream, bytes: 0, rows: 1, to }) };
}
