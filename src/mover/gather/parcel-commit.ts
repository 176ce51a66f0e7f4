// Commits the parcels that a lane took: together where that works, else split by source until the one to blame is alone.
//
// Invariant: a parcel is committed onto the position that it follows, or not at all.
// Fails by: a lost connection or a timeout leaves it unknown whether the commit happened and says nothing about a source:
// it is thrown. Any other error is one source's fault.
import { type CommitContent, isPositionMoved, type PositionStep } from '../../central/commit/commit.ts';
import type { Committed } from '../../central/commit/committed.ts';
import { rowsOf, type SpreadRows, withChunks } from '../../central/commit/queue-rows.ts';
import { firstRow } from '../../central/copy-rows.ts';
import type { Position } from '../../central/position.ts';
import { canBeEventsFault, kindOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { CommitPace } from '../limits/commit-pace.ts';
import { LARGE_BYTES } from '../limits/sizes.ts';
import type { Parcel } from '../parcel.ts';
import { RowStream } from '../row-stream.ts';
import type { Source } from '../source/source.ts';
import type { LaneCalls } from './lane-connection.ts';
import type { LaneName } from './parcel-queue.ts';
import { type Spread, spreadOf, spreadRows } from './spread.ts';

export interface LaneCommit extends Committed {
  readonly queue: string;
  readonly lane: LaneName;
  readonly rows: number;
  readonly bytes: number;
  readonly sources: number;
  /** How long central took. */
  readonly ms: number;
  /** Of a gatherer of routes: the events of each central queue. */
  readonly spread?: readonly Spread[] | undefined;
}

/** Most bytes of committed rows that are kept. */
const MOST_KEPT_BYTES = LARGE_BYTES;

/** Rows that central took, by the queue that they went to. */
export type PassedRows = (queue: string) => Buffer | undefined;

/**
 * Counts commits of events over all lanes of a queue, and how many there had been when a source's events were first refused. A
 * commit that only moves positions proves nothing about events.
 */
export class CommitHistory {
  #commits = 0;
  /** By central queue: rows of the last commit, or of the last whose first row is not large. */
  readonly #rows = new Map<string, Buffer>();
  readonly #refusedAt = new WeakMap<Source, number>();

  committed(content: SpreadRows): void {
    this.#commits += 1;
    for (const { queue, chunks } of rowsOf(content)) {
      const [rows] = Array.isArray(chunks) ? (chunks as readonly Buffer[]) : [];
      if (rows === undefined) continue;
      if (rows.buffer.byteLength <= MOST_KEPT_BYTES) this.#rows.set(queue, rows);
      else if (firstRow(rows).length <= MOST_KEPT_BYTES) this.#rows.set(queue, Buffer.from(firstRow(rows)));
    }
  }

  accepted(source: Source): void {
    this.#refusedAt.delete(source);
  }

  /** @returns rows that central took since the source was refused for the first time. */
  refused(source: Source): PassedRows {
    const refusedAt = this.#refusedAt.get(source);
    if (refusedAt === undefined) this.#refusedAt.set(source, this.#commits);
    const hasPassed = refusedAt !== undefined && this.#commits > refusedAt;
    return (queue) => (hasPassed ? this.#rows.get(queue) : undefined);
  }
}

export interface ParcelCommitOptions {
  readonly queue: string;
  readonly lane: LaneName;
  readonly connection: LaneCalls;
  readonly history: CommitHistory;
  readonly commitPace: CommitPace;
  readonly onCommitted: (done: LaneCommit) => void;
  readonly onTrouble: (error: unknown, source: Source) => void;
  /** Central refused something of it. */
  readonly onRefused: (source: Source) => void;
  /** Gives one source's parcels, which fail alone, to another lane: too many others wait for this one. */
  readonly handOver?: (parcels: readonly Parcel[]) => void;
  /** Refuses these, and all that waits of the source. */
  readonly reject: (source: Source, parcels: readonly Parcel[], error: unknown) => void;
}

export class ParcelCommit {
  readonly #options: ParcelCommitOptions;

  constructor(options: ParcelCommitOptions) {
    this.#options = options;
  }

  /** Commits all together; where one source is to blame, all but that one. Throws only what says nothing about a source. */
  async commit(taken: readonly Parcel[]): Promise<void> {
    const parcels = withoutOutdated(taken);
    if (parcels.length === 0) return;
    try {
      await this.#commitTogether(parcels);
    } catch (error) {
      const sources = [...new Set(parcels.map(({ source }) => source))];
      const [first] = parcels as [Parcel];
      if (first.chunks instanceof RowStream) {
        this.#streamFailed(first.chunks, first, error);
        return;
      }
      if (kindOf(error) !== 'halting' && !isPositionMoved(error)) throw error;
      if (sources.length === 1) {
        await this.#oneToBlame(first.source, parcels, error);
        return;
      }
      const half = new Set(sources.slice(0, sources.length >> 1));
      await this.commit(parcels.filter(({ source }) => half.has(source)));
      await this.commit(parcels.filter(({ source }) => !half.has(source)));
    }
  }

  /** One source's parcels fail alone: its refused events are taken out, or the source rests. */
  async #oneToBlame(source: Source, parcels: readonly Parcel[], error: unknown): Promise<void> {
    const { handOver, onRefused, onTrouble, reject, history } = this.#options;
    let cause = error;
    if (!isPositionMoved(error)) {
      onRefused(source);
      const passed = history.refused(source);
      if (handOver !== undefined) {
        handOver(parcels);
        return;
      }
      try {
        const content = await this.#withoutRefused(source, parcels, { error, passed });
        if (content !== undefined) {
          await this.#commitTogether(parcels, content);
          history.accepted(source);
          return;
        }
      } catch (failure) {
        if (kindOf(failure) !== 'halting') throw failure;
        cause = failure;
      }
      source.failed(cause, 'commit');
      onTrouble(cause, source);
    }
    reject(source, parcels, cause);
  }

  /** A stream goes alone, so its failure concerns no other source; where the shard broke it off, the reader reports it. */
  #streamFailed(stream: RowStream, parcel: Parcel, error: unknown): void {
    const { onTrouble, reject } = this.#options;
    const { source } = parcel;
    if (!stream.isBrokenOff && !isPositionMoved(error)) {
      source.failed(error, 'commit');
      onTrouble(error, source);
    }
    reject(source, [parcel], error);
  }

  async #withoutRefused(
    source: Source,
    parcels: readonly Parcel[],
    { error, passed }: { error: unknown; passed: PassedRows },
  ): Promise<CommitContent | undefined> {
    const { sortOut } = this.#options.connection;
    const content = contentOf(this.#options.queue, parcels);
    if (!canBeEventsFault(error) || sortOut === undefined) return undefined;
    return await sortOut(content, { source, error, passed });
  }

  async #commitTogether(
    parcels: readonly Parcel[],
    content = contentOf(this.#options.queue, parcels),
  ): Promise<void> {
    const { queue, lane, connection, history, commitPace, onCommitted } = this.#options;
    const sources = new Map(parcels.map(({ source }) => [source.id, source]));
    const beganMs = performance.now();
    const isLarge = content.chunks instanceof RowStream || sum(parcels, ({ bytes }) => bytes) > LARGE_BYTES;
    const committed = isLarge
      ? await connection.commit(withChunks(content, (chunks) => commitPace.large(chunks)))
      : await commitPace.small(() => connection.commit(content));
    const ms = performance.now() - beganMs;
    if (committed !== undefined) history.committed(content);
    for (const step of content.steps) {
      const source = sources.get(step.source) as Source;
      // A source that was reloaded meanwhile has central's position; if that was read before this commit, the next one is refused.
      if (source.position === step.after) source.committed({ n: step.n, position: step.to, rows: step.rows });
    }
    for (const parcel of parcels) parcel.settle();
    if (committed === undefined) return;
    const rows = sum(content.steps, (step) => step.rows);
    const bytes = sum(parcels, (parcel) => parcel.bytes);
    onCommitted({
      ...committed,
      queue,
      lane,
      rows,
      bytes,
      sources: sources.size,
      ms,
      spread: spreadOf(parcels),
    });
  }
}

/** Refuses what was read after a parcel that failed, or before the source began anew from central's position. */
function withoutOutdated(parcels: readonly Parcel[]): Parcel[] {
  const reached = new Map<Source, Position>();
  const next: Parcel[] = [];
  for (const parcel of parcels) {
    const { source, from, to } = parcel;
    if (from === (reached.get(source) ?? source.position)) {
      reached.set(source, to);
      next.push(parcel);
    } else {
      parcel.settle(
        new TributaryError('Read before a failed commit.', { code: 'outdated', kind: 'retryable' }),
      );
    }
  }
  return next;
}

function contentOf(queue: string, parcels: readonly Parcel[]): CommitContent {
  const bySource = new Map<Source, Parcel[]>();
  for (const parcel of parcels) bySource.set(parcel.source, [...(bySource.get(parcel.source) ?? []), parcel]);
  return {
    ...spreadRows(queue, parcels),
    steps: [...bySource].map(([source, own]) => stepOf(source, own)),
    dead: parcels.flatMap(({ source, dead = [] }) =>
      dead.length === 0 ? [] : [{ source: source.id, events: dead }],
    ),
  };
}

function stepOf(source: Source, own: readonly Parcel[]): PositionStep {
  const last = own.at(-1) as Parcel;
  if (source.position === undefined) {
    throw new TributaryError(`Source ${source.shard}:${source.queue} has no position.`, {
      code: 'no-position',
      kind: 'internal',
    });
  }
  return {
    source: source.id,
    n: source.n + 1,
    after: source.position,
    to: last.to,
    // How many queues a streamed row goes to is known when all of its copies have come.
    get rows() {
      return last.chunks instanceof RowStream ? last.chunks.rows : sum(own, ({ rows }) => rows);
    },
    unrouted: sum(own, ({ unrouted = 0 }) => unrouted),
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
