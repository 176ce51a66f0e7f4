// One per central queue: splices parcels of any sources into one COPY and one commit together with their positions.
//
// Invariant: parcels of one source are committed in the order in which they were added, each only onto the position that
// it follows, or not at all.
// Fails by: a lost connection or a timeout leaves it unknown whether the commit happened; all that waits is handed back
// with the error, and each source starts again from the position that central has. Any other error is one source's
// fault: the parcels are split by source until it stands alone.
import { type CommitContent, isPositionMoved, type PositionStep } from '../central/commit.ts';
import type { Position } from '../central/position.ts';
import { canBePoison, kindOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import type { Service } from '../lifecycle/service.ts';
import { wait } from '../lifecycle/wait.ts';
import type { Backpressure } from './backpressure.ts';
import type { Parcel } from './parcel.ts';
import { RowStream } from './row-stream.ts';
import type { Source } from './source.ts';

export interface GathererOptions {
  /** Commits on central and says which transaction a tick has to cover; reconnects by itself. */
  readonly commit: (content: CommitContent) => Promise<number | undefined>;
  /** Takes the poison out of one source's content; undefined where that cannot be told. */
  readonly sortOut?: SortOut;
  /** Told how much the queue may take; default: all. */
  readonly backpressure?: Backpressure;
  /** After each commit that inserted events. */
  readonly onCommitted: (done: {
    queue: string;
    xid: number;
    rows: number;
    bytes: number;
    sources: number;
    /** How long central took. */
    ms: number;
  }) => void;
  /** `source`: the one to blame; undefined: central as a whole. */
  readonly onTrouble: (error: unknown, source?: Source) => void;
  /** Largest commit, in bytes of events; a single larger parcel goes alone. */
  readonly maxBytes?: number;
  /** How long parcels without events may wait for company, in ms. */
  readonly idleMs?: number;
}

/** `hasWitness`: other commits have passed since the source's events were first refused. */
export type SortOut = (
  content: CommitContent & { readonly chunks: readonly Buffer[] },
  about: { readonly source: Source; readonly error: unknown; readonly hasWitness: boolean },
) => Promise<CommitContent | undefined>;

export class Gatherer implements Service {
  readonly name: string;
  readonly #queue: string;
  readonly #options: GathererOptions & { readonly maxBytes: number; readonly idleMs: number };
  readonly #stopped = new AbortController();
  #waiting: Parcel[] = [];
  #wake: (() => void) | undefined;
  #failures = 0;
  /** Commits so far, and how many there had been when a source's events were first refused. */
  #commits = 0;
  readonly #refusedAt = new WeakMap<Source, number>();
  #isBackingOff = false;

  constructor(queue: string, options: GathererOptions) {
    this.name = `gatherer ${queue}`;
    this.#queue = queue;
    this.#options = { maxBytes: 16 * 1024 * 1024, idleMs: 1_000, ...options };
  }

  /** False while central does not commit: then nobody should begin to read for it. */
  get isHealthy(): boolean {
    return !this.#isBackingOff && this.#options.backpressure?.hasStopped !== true;
  }

  add(parcel: Parcel): void {
    this.#waiting.push(parcel);
    if (parcel.rows > 0 || this.#waiting.length === 1) this.#wake?.();
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted || this.#waiting.length > 0) {
      if (this.#waiting.length === 0) {
        await this.#nextParcel();
        continue;
      }
      if (!signal.aborted && this.#waiting.every((parcel) => parcel.rows === 0)) await this.#company();
      await this.#commitOnce();
      const pauseMs = this.#options.backpressure?.pauseMs ?? 0;
      if (pauseMs > 0) await wait(pauseMs, signal);
      if (this.#failures > 0 && !signal.aborted) {
        this.#isBackingOff = true;
        await wait(backoffMs(this.#failures, { firstMs: 100, maxMs: 5_000 }), signal);
        this.#isBackingOff = false;
      }
    }
  }

  /** Commits what was added, then ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake?.();
  }

  async #commitOnce(): Promise<void> {
    const parcels = this.#take();
    try {
      await this.#commitSplitting(parcels);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#options.onTrouble(error);
      this.#reject([...parcels, ...this.#waiting], error);
    }
  }

  /** Commits all together; where one source is to blame, all but that one. Throws only what says nothing about a source. */
  async #commitSplitting(taken: readonly Parcel[]): Promise<void> {
    const parcels = this.#withoutOutdated(taken);
    if (parcels.length === 0) return;
    try {
      await this.#commit(parcels);
    } catch (error) {
      if (kindOf(error) !== 'halting' && !isPositionMoved(error)) throw error;
      const sources = [...new Set(parcels.map(({ source }) => source))];
      if (sources.length === 1) {
        await this.#oneToBlame(sources[0] as Source, parcels, error);
        return;
      }
      const half = new Set(sources.slice(0, sources.length >> 1));
      await this.#commitSplitting(parcels.filter(({ source }) => half.has(source)));
      await this.#commitSplitting(parcels.filter(({ source }) => !half.has(source)));
    }
  }

  /** One source's parcels fail alone: its poison is taken out, or it rests. */
  async #oneToBlame(source: Source, parcels: readonly Parcel[], error: unknown): Promise<void> {
    let cause = error;
    if (!isPositionMoved(error)) {
      try {
        const content = await this.#withoutPoison(source, parcels, error);
        if (content !== undefined) {
          await this.#commit(parcels, content);
          this.#refusedAt.delete(source);
          return;
        }
      } catch (failure) {
        if (kindOf(failure) !== 'halting') throw failure;
        cause = failure;
      }
      source.failed(cause, 'commit');
      this.#options.onTrouble(cause, source);
    }
    this.#reject([...parcels, ...this.#waiting.filter((parcel) => parcel.source === source)], cause);
  }

  async #withoutPoison(
    source: Source,
    parcels: readonly Parcel[],
    error: unknown,
  ): Promise<CommitContent | undefined> {
    const content = this.#contentOf(parcels);
    // A large row went by; it cannot be tried again.
    if (!canBePoison(error) || this.#options.sortOut === undefined || !Array.isArray(content.chunks))
      return undefined;
    const refusedAt = this.#refusedAt.get(source);
    if (refusedAt === undefined) this.#refusedAt.set(source, this.#commits);
    const hasWitness = refusedAt !== undefined && this.#commits > refusedAt;
    return await this.#options.sortOut({ ...content, chunks: content.chunks }, { source, error, hasWitness });
  }

  /** Refuses what was read after a parcel that failed, or before the source began anew from central's position. */
  #withoutOutdated(parcels: readonly Parcel[]): Parcel[] {
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

  #contentOf(parcels: readonly Parcel[]): CommitContent {
    const bySource = new Map<Source, Parcel[]>();
    for (const parcel of parcels)
      bySource.set(parcel.source, [...(bySource.get(parcel.source) ?? []), parcel]);
    return {
      queue: this.#queue,
      chunks: chunksOf(parcels),
      steps: [...bySource].map(([source, own]) => stepOf(source, own)),
      dead: parcels.flatMap(({ source, dead = [] }) =>
        dead.length === 0 ? [] : [{ source: source.id, events: dead }],
      ),
    };
  }

  async #commit(parcels: readonly Parcel[], content = this.#contentOf(parcels)): Promise<void> {
    const sources = new Map(parcels.map(({ source }) => [source.id, source]));
    const beganMs = performance.now();
    const xid = await this.#options.commit(content);
    const ms = performance.now() - beganMs;
    this.#commits += 1;
    for (const step of content.steps) {
      const source = sources.get(step.source) as Source;
      // A source that was reloaded meanwhile has central's word; if that was from before this commit, the next one is refused.
      if (source.position === step.after) source.committed({ n: step.n, position: step.to, rows: step.rows });
    }
    for (const parcel of parcels) parcel.settle();
    if (xid === undefined) return;
    this.#options.onCommitted({
      queue: this.#queue,
      xid,
      rows: sum(parcels, ({ rows }) => rows),
      bytes: sum(parcels, ({ bytes }) => bytes),
      sources: sources.size,
      ms,
    });
  }

  /** The oldest parcels up to the limit, at least one. */
  #take(): Parcel[] {
    let bytes = 0;
    let count = 0;
    for (const parcel of this.#waiting) {
      bytes += parcel.bytes;
      if (count > 0 && (bytes > this.#options.maxBytes || parcel.chunks instanceof RowStream)) break;
      count += 1;
      if (parcel.chunks instanceof RowStream) break;
    }
    return this.#waiting.splice(0, count);
  }

  #reject(parcels: readonly Parcel[], error: unknown): void {
    const rejected = new Set(parcels);
    this.#waiting = this.#waiting.filter((parcel) => !rejected.has(parcel));
    for (const parcel of rejected) parcel.settle(error);
  }

  async #nextParcel(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  async #company(): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await wait(this.#options.idleMs, woken.signal);
    this.#wake = undefined;
  }
}

function chunksOf(parcels: readonly Parcel[]): CommitContent['chunks'] {
  const [first] = parcels;
  if (first?.chunks instanceof RowStream) return first.chunks;
  return parcels.flatMap(({ chunks }) => (chunks instanceof RowStream ? [] : chunks));
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
    rows: sum(own, ({ rows }) => rows),
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
