// One per central queue: splices parcels of any sources into one COPY and one commit together with their positions, over
// several lanes, so that what is large, slow or refused keeps nobody else waiting.
//
// Invariant: parcels of one source are committed in the order in which they were added, each only onto the position that
// it follows, or not at all.
// Fails by: what fails for no source's fault is handed back with the error, and so is what waits for the same lane; each
// source starts again from the position that central has.
import { backoffMs } from '../lifecycle/backoff.ts';
import type { Service } from '../lifecycle/service.ts';
import { wait } from '../lifecycle/wait.ts';
import type { Backpressure } from './backpressure.ts';
import { GiveWay } from './give-way.ts';
import type { Parcel } from './parcel.ts';
import { type CommitDoor, type Done, ParcelCommit, Witnesses } from './parcel-commit.ts';
import { type LaneName, ParcelQueue } from './parcel-queue.ts';
import type { Source } from './source.ts';

export interface GathererOptions {
  /** A connection of its own for each lane. */
  readonly doorOf: (lane: LaneName) => CommitDoor;
  /** Shared with the gatherers of other queues; default: its own. */
  readonly giveWay?: GiveWay;
  /** Told how much the queue may take; default: all. */
  readonly backpressure?: Backpressure;
  /** After each commit that inserted events. */
  readonly onCommitted: (done: Done) => void;
  /** `source`: the one to blame; undefined: central as a whole. */
  readonly onTrouble: (error: unknown, source?: Source) => void;
  /** How long parcels without events may wait for company, in ms. */
  readonly idleMs?: number;
}

interface Lane {
  readonly name: LaneName;
  readonly door: CommitDoor;
  readonly commit: ParcelCommit;
}

const LANES = ['quick', 'large', 'stream'] as const;
/** A lane that had nothing to do for so long lets its connection go; the quick one never does. */
const REST_AFTER_MS = 60_000;

export class Gatherer implements Service {
  readonly name: string;
  readonly #options: GathererOptions;
  readonly #stopped = new AbortController();
  readonly #waiting: ParcelQueue;
  readonly #witnesses = new Witnesses();
  readonly #giveWay: GiveWay;
  readonly #lanes: readonly Lane[];
  readonly #backingOff = new Set<LaneName>();

  constructor(queue: string, options: GathererOptions) {
    this.name = `gatherer ${queue}`;
    this.#options = options;
    this.#giveWay = options.giveWay ?? new GiveWay();
    this.#waiting = new ParcelQueue({ idleMs: options.idleMs ?? 1_000 });
    this.#lanes = LANES.map((name) => {
      const door = options.doorOf(name);
      return { name, door, commit: this.#newCommit(queue, name, door) };
    });
  }

  /** False while central does not commit: then nobody should begin to read for it. */
  get isHealthy(): boolean {
    return this.#backingOff.size === 0 && this.#options.backpressure?.hasStopped !== true;
  }

  add(parcel: Parcel): void {
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

  async #runLane({ name, door, commit }: Lane): Promise<void> {
    const { signal } = this.#stopped;
    let failures = 0;
    let restAtMs = Number.POSITIVE_INFINITY;
    while (!this.#waiting.isOver) {
      const parcels = this.#waiting.take(name);
      if (parcels.length === 0) {
        if (performance.now() >= restAtMs) {
          restAtMs = Number.POSITIVE_INFINITY;
          await door.rest?.();
        } else await this.#waiting.next(REST_AFTER_MS);
        continue;
      }
      failures = (await this.#succeeds(name, commit, parcels)) ? 0 : failures + 1;
      if (name !== 'quick') restAtMs = performance.now() + REST_AFTER_MS;
      const pauseMs = this.#options.backpressure?.pauseMs ?? 0;
      if (pauseMs > 0) await wait(pauseMs, signal);
      if (failures > 0 && !signal.aborted) {
        this.#backingOff.add(name);
        await wait(backoffMs(failures, { firstMs: 100, maxMs: 5_000 }), signal);
        this.#backingOff.delete(name);
      }
    }
  }

  /** False where central is to blame. */
  async #succeeds(lane: LaneName, commit: ParcelCommit, parcels: readonly Parcel[]): Promise<boolean> {
    try {
      await commit.commit(parcels);
      return true;
    } catch (error) {
      this.#options.onTrouble(error);
      const waiting = this.#waiting.remove((parcel) => this.#waiting.laneOf(parcel) === lane);
      for (const parcel of [...parcels, ...waiting]) parcel.settle(error);
      return false;
    } finally {
      this.#waiting.leave(parcels);
    }
  }

  #newCommit(queue: string, lane: LaneName, door: CommitDoor): ParcelCommit {
    const { onCommitted, onTrouble } = this.#options;
    return new ParcelCommit({
      queue,
      lane,
      door,
      witnesses: this.#witnesses,
      giveWay: this.#giveWay,
      onCommitted,
      onTrouble,
      onRefused: (source) => this.#waiting.suspect(source),
      // Finding poison takes many tries.
      ...(lane === 'quick' ? { handOver: (parcels) => this.#waiting.putBack(parcels) } : {}),
      reject: (source, parcels, error) => {
        const waiting = this.#waiting.remove((parcel) => parcel.source === source);
        for (const parcel of [...parcels, ...waiting]) parcel.settle(error);
      },
    });
  }
}
