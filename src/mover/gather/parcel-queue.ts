// The parcels that wait for one central queue, and which of its lanes may take them.
//
// quick: small parcels of sources that central takes; their commits last milliseconds, and that is what others wait.
// large: parcels that keep central busy for longer, and all of sources that central refused lately.
// stream: events too large to be held, which come as slowly as their shard sends them.
//
// Invariant: of one source, one lane at a time has parcels, the oldest ones; no other may take any of it until `leave`.

import { TIMING } from '../../lifecycle/timing.ts';
import { Signal } from '../../lifecycle/wait.ts';
import { LARGE_BYTES, MOST_LARGE_BYTES, MOST_SMALL_BYTES } from '../limits/sizes.ts';
import type { Parcel } from '../parcel.ts';
import { RowStream } from '../row-stream.ts';
import type { Source } from '../source/source.ts';
import { FairQueue } from './fair-queue.ts';

export type LaneName = 'quick' | 'large' | 'stream';

export interface ParcelQueueOptions {
  /** How long parcels without events may wait for company, in ms. */
  readonly idleMs: number;
  /** Most that go in one commit, and so in one batch, as it is now; a single parcel with more goes alone. */
  readonly mostEvents: () => number;
  /** Whether more parcels may come at any moment; default: never. */
  readonly isMoreComing?: () => boolean;
}

/** Parcels that are more than this together wait for none. */
const ENOUGH_BYTES = 65_536;

/** Most that goes in one commit; a single larger parcel goes alone. */
const MOST_BYTES: Readonly<Record<LaneName, number>> = {
  quick: MOST_SMALL_BYTES,
  large: MOST_LARGE_BYTES,
  stream: 0,
};

export class ParcelQueue {
  readonly #options: ParcelQueueOptions;
  readonly #waiting = new FairQueue<Parcel>();
  readonly #changed = new Signal();
  /** Which lane has parcels of a source. */
  readonly #busy = new Map<Source, LaneName>();
  readonly #suspectUntilMs = new Map<Source, number>();
  #smallAtMs = Number.NEGATIVE_INFINITY;
  /** When parcels without events began to wait alone. */
  #idleSinceMs: number | undefined;
  /** When few small ones began to wait for those that are being read. */
  #fewSinceMs: number | undefined;
  #isClosed = false;

  constructor(options: ParcelQueueOptions) {
    this.#options = options;
  }

  /** Nothing is left, and nothing comes any more. */
  get isOver(): boolean {
    return this.#isClosed && this.#waiting.size === 0 && this.#busy.size === 0;
  }

  add(parcel: Parcel): void {
    this.#waiting.add(parcel);
    if (parcel.rows > 0 && this.laneOf(parcel) === 'quick') this.#smallAtMs = performance.now();
    this.#changed.notify();
  }

  /** From here on parcels do not wait for company. */
  close(): void {
    this.#isClosed = true;
    this.#changed.notify();
  }

  /** The parcels that this lane should commit next; empty: wait for the `next` change. */
  take(lane: LaneName): Parcel[] {
    const mayHelp = lane === 'quick' && this.#mayHelp();
    const mayGo = (parcel: Parcel) => {
      if (this.#busy.has(parcel.source)) return false;
      const own = this.laneOf(parcel);
      return own === lane || (mayHelp && own === 'large' && !this.#isSuspect(parcel.source));
    };
    if (lane === 'quick' && this.#waitsForCompany(mayGo)) return [];
    const taken = this.#waiting.take({
      maxBytes: MOST_BYTES[mayHelp ? 'large' : lane],
      maxRows: this.#options.mostEvents(),
      mayGo,
      goesWith: (first, one) => this.#goesWith(first, one),
    });
    for (const { source } of taken) this.#busy.set(source, lane);
    return taken;
  }

  /** A lane has finished with what it took. */
  leave(parcels: readonly Parcel[]): void {
    for (const { source } of parcels) this.#busy.delete(source);
    this.#changed.notify();
  }

  /** Resolves when parcels may have become free to take, or after `mostMs`. */
  async next(mostMs: number): Promise<void> {
    const { idleMs } = this.#options;
    const idleOrMostMs = this.#idleSinceMs === undefined ? mostMs : Math.min(mostMs, idleMs);
    await this.#changed.next(this.#fewSinceMs === undefined ? idleOrMostMs : TIMING.gathering.companyLookMs);
  }

  /** Central refused an event of it: for a while it goes in no quick commit, which would fail. */
  suspect(source: Source): void {
    this.#suspectUntilMs.set(source, performance.now() + TIMING.gathering.suspectMs);
  }

  /** Parcels that a lane took and did not commit, all of one source. */
  putBack(parcels: readonly Parcel[]): void {
    this.#waiting.putBack(parcels);
  }

  remove(isOut: (parcel: Parcel) => boolean): Parcel[] {
    return this.#waiting.remove(isOut);
  }

  laneOf({ source, chunks, bytes }: Parcel): LaneName {
    if (chunks instanceof RowStream) return 'stream';
    return bytes > LARGE_BYTES || this.#isSuspect(source) ? 'large' : 'quick';
  }

  #isSuspect(source: Source): boolean {
    const untilMs = this.#suspectUntilMs.get(source);
    if (untilMs === undefined) return false;
    if (untilMs > performance.now()) return true;
    this.#suspectUntilMs.delete(source);
    return false;
  }

  #mayHelp(): boolean {
    const isQuiet = performance.now() - this.#smallAtMs > TIMING.gathering.quietMs;
    return isQuiet && [...this.#busy.values()].includes('large');
  }

  #waitsForCompany(mayGo: (parcel: Parcel) => boolean): boolean {
    const nowMs = performance.now();
    let rows = 0;
    let bytes = 0;
    let hasAny = false;
    for (const parcel of this.#waiting) {
      if (!mayGo(parcel)) continue;
      hasAny = true;
      rows += parcel.rows;
      bytes += parcel.bytes;
      if (bytes > ENOUGH_BYTES) break;
    }
    const isFew = rows > 0 && bytes <= ENOUGH_BYTES && this.#options.isMoreComing?.() === true;
    this.#fewSinceMs = isFew ? (this.#fewSinceMs ?? nowMs) : undefined;
    this.#idleSinceMs = hasAny && rows === 0 ? (this.#idleSinceMs ?? nowMs) : undefined;
    if (this.#isClosed) return false;
    if (this.#fewSinceMs !== undefined) {
      if (nowMs - this.#fewSinceMs < TIMING.gathering.companyMs) return true;
      this.#fewSinceMs = undefined;
      return false;
    }
    if (this.#idleSinceMs === undefined) return false;
    if (nowMs - this.#idleSinceMs < this.#options.idleMs) return true;
    this.#idleSinceMs = undefined;
    return false;
  }

  #goesWith(first: Parcel, one: Parcel): boolean {
    // A suspect source goes alone.
    if (this.#isSuspect(first.source) || this.#isSuspect(one.source)) return one.source === first.source;
    // Small ones do not wait for large ones to be copied.
    return this.laneOf(one) === 'quick' || this.laneOf(first) === 'large';
  }
}
