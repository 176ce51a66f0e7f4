// One per central queue: splices parcels of any sources into one COPY and one commit together with their positions, over
// several lanes, so that large, slow or refused parcels keep no others waiting. One per source queue with routes: the same with
// a COPY for each central queue that the events go to.
//
// Invariant: parcels of one source are committed in the order in which they were added, each only onto the position that
// it follows, or not at all.
// Fails by: parcels that fail through no source's fault are handed back with the error, and so are those that wait for the
// same lane; each source starts again from the position that central has.
import { TributaryError } from '../../errors/tributary-error.ts';
import { type BackoffOptions, backoffMs } from '../../lifecycle/backoff.ts';
import type { WatchedService } from '../../lifecycle/service-set.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { FillLimit } from '../limits/backpressure.ts';
import { CommitPace } from '../limits/commit-pace.ts';
import type { Parcel } from '../parcel.ts';
import { gathererName } from '../source/destinations.ts';
import type { Source } from '../source/source.ts';
import type { LaneCalls } from './lane-connection.ts';
import { CommitHistory, type LaneCommit, ParcelCommit } from './parcel-commit.ts';
import { type LaneName, ParcelQueue } from './parcel-queue.ts';
import { spreadOf } from './spread.ts';

export interface GathererOptions {
  /** Default: that of the queue's own. */
  readonly name?: string;
  /** A connection of its own for each lane. */
  readonly connectionOf: (lane: LaneName) => LaneCalls;
  /** Shared with the gatherers of other queues; default: its own. */
  readonly commitPace?: CommitPace;
  /** What limits what the queue may hold now; default: nothing. */
  readonly backpressure?: () => FillLimit | undefined;
  /** After each commit that inserted events. */
  readonly onCommitted: (done: LaneCommit) => void;
  /** `source`: the one to blame; undefined: central as a whole. */
  readonly onTrouble: (error: unknown, source?: Source) => void;
  /** How long parcels without events may wait for company, in ms. */
  readonly idleMs?: number;
  /** Whether more parcels may come at any moment, which few small ones wait a little for; default: never. */
  readonly isMoreComing?: () => boolean;
  /** Most events that go in one commit now; default: any number. */
  readonly mostEvents?: () => number;
  /** How long a lane waits after a commit that failed; default: from 100 ms to 5 s. */
  readonly retry?: BackoffOptions;
}

interface Lane {
  readonly name: LaneName;
  readonly connection: LaneCalls;
  readonly commit: ParcelCommit;
  turns: number;
}

const LANES = ['quick', 'large', 'stream'] as const;

export class Gatherer implements WatchedService {
  readonly name: string;
  readonly #options: GathererOptions;
  readonly #stopped = new AbortController();
  readonly #waiting: ParcelQueue;
  readonly #history = new CommitHistory();
  readonly #commitPace: CommitPace;
  readonly #lanes: readonly Lane[];
  readonly #backingOff = new Set<LaneName>();
  /** Taken by a lane. */
  readonly #taken = new Set<Parcel>();
  #isAbandoned = false;

  constructor(queue: string, options: GathererOptions) {
    this.name = options.name ?? gathererName(queue);
    this.#options = options;
    this.#commitPace = options.commitPace ?? new CommitPace();
    const {
      idleMs = TIMING.gathering.idleMs,
      isMoreComing = () => false,
      mostEvents = () => Number.POSITIVE_INFINITY,
    } = options;
    this.#waiting = new ParcelQueue({ idleMs, isMoreComing, mostEvents });
    this.#lanes = LANES.map((name) => {
      const connection = options.connectionOf(name);
      return { name, connection, commit: this.#newCommit(queue, name, connection), turns: 0 };
    });
  }

  /** False while central does not commit: then no reading for it should begin. */
  get isHealthy(): boolean {
    return this.#backingOff.size === 0 && this.#options.backpressure?.()?.hasStopped !== true;
  }

  get turns(): readonly number[] {
    return this.#lanes.map(({ connection, turns }) => turns + (connection.progress ?? 0));
  }

  /** Whether more of the shard may be read for its queues: else it waits for room in one of them. */
  takes({ shard }: Pick<Source, 'shard'>): boolean {
    return this.#options.backpressure?.()?.takes(shard) ?? true;
  }

  /** How many events of the shard should be read at most, where that can be chosen. */
  mostFrom({ shard }: Pick<Source, 'shard'>): number {
    return this.#options.backpressure?.()?.mostFrom(shard) ?? Number.POSITIVE_INFINITY;
  }

  add(parcel: Parcel): void {
    if (this.#isAbandoned) {
      parcel.settle(abandoned());
      return;
    }
    this.#options.backpressure?.()?.handedOn(parcel.source.shard, eventsOf(parcel));
    this.#waiting.add(parcel);
  }

  async run(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => this.#runLane(lane)));
  }

  /** Commits what was added, then ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#waiting.close();
  }

  /** Hands all parcels back; a commit that is under way may still happen, and each source asks central for its position. */
  abandon(): void {
    this.#isAbandoned = true;
    void this.stop();
    for (const { connection } of this.#lanes) connection.abandon?.();
    for (const parcel of [...this.#taken, ...this.#waiting.remove(() => true)]) parcel.settle(abandoned());
  }

  async #runLane(lane: Lane): Promise<void> {
    const { name, connection, commit } = lane;
    const { signal } = this.#stopped;
    let failures = 0;
    let restAtMs = Number.POSITIVE_INFINITY;
    while (!this.#waiting.isOver) {
      lane.turns += 1;
      const parcels = this.#waiting.take(name);
      if (parcels.length === 0) {
        if (performance.now() >= restAtMs) {
          restAtMs = Number.POSITIVE_INFINITY;
          await connection.rest?.();
        } else await this.#waiting.next(TIMING.watchdog.longestRestMs);
        continue;
      }
      failures = (await this.#succeeds(name, commit, parcels)) ? 0 : failures + 1;
      if (name !== 'quick') restAtMs = performance.now() + TIMING.gathering.restAfterMs;
      const pauseMs = this.#options.backpressure?.()?.pauseMs ?? 0;
      if (pauseMs > 0) await wait(pauseMs, signal);
      if (failures > 0 && !signal.aborted) {
        this.#backingOff.add(name);
        await wait(backoffMs(failures, this.#options.retry ?? TIMING.gathering.trouble), signal);
        this.#backingOff.delete(name);
      }
    }
    await connection.rest?.();
  }

  /** False where central is to blame. */
  async #succeeds(lane: LaneName, commit: ParcelCommit, parcels: readonly Parcel[]): Promise<boolean> {
    for (const parcel of parcels) this.#taken.add(parcel);
    try {
      await commit.commit(parcels);
      return true;
    } catch (error) {
      this.#options.onTrouble(error);
      const waiting = this.#waiting.remove((parcel) => this.#waiting.laneOf(parcel) === lane);
      for (const parcel of [...parcels, ...waiting]) parcel.settle(error);
      return false;
    } finally {
      for (const parcel of parcels) this.#taken.delete(parcel);
      this.#waiting.leave(parcels);
    }
  }

  #newCommit(queue: string, lane: LaneName, connection: LaneCalls): ParcelCommit {
    const { onCommitted, onTrouble } = this.#options;
    return new ParcelCommit({
      queue,
      lane,
      connection,
      history: this.#history,
      commitPace: this.#commitPace,
      onCommitted,
      onTrouble,
      onRefused: (source) => this.#waiting.suspect(source),
      // Finding refused events takes many tries.
      ...(lane === 'quick' ? { handOver: (parcels) => this.#waiting.putBack(parcels) } : {}),
      reject: (source, parcels, error) => {
        const waiting = this.#waiting.remove((parcel) => parcel.source === source);
        for (const parcel of [...parcels, ...waiting]) parcel.settle(error);
      },
    });
  }
}

/** How many events of a parcel go to a queue. */
function eventsOf(parcel: Parcel): (queue: string) => number {
  const spread = spreadOf([parcel]);
  return (queue) =>
    spread === undefined ? parcel.rows : (spread.find((one) => one.queue === queue)?.rows ?? 0);
}

const abandoned = () =>
  new TributaryError('The commit was given up.', { code: 'abandoned', kind: 'retryable' });
