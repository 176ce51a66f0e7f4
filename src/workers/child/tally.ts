// Counts what a worker did since its last pulse: events by what became of them, and how long calls took.
//
// Invariant: an event counts when the transaction that settles it has committed; after each pulse counts begin at 0.
import { CALL_BUCKET_ENDS_MS, type CountedEvents } from '../protocol.ts';
import { Deliveries } from './deliveries.ts';
import { PartCalls } from './tries/part-calls.ts';

export interface Settled {
  /** All that are settled, those that are put off or dead included. */
  readonly events: number;
  readonly putOff: number;
  readonly dead: number;
}

export class Tally {
  /** The same calls, of the transaction that is open. */
  readonly part = new PartCalls();
  readonly deliveries = new Deliveries();
  #counted = nothing();

  /** A transaction was committed. */
  settled({ events, putOff, dead }: Settled): void {
    this.#counted.done += events - putOff - dead;
    this.#counted.putOff += putOff;
    this.#counted.dead += dead;
    this.deliveries.committed();
  }

  /** A call of the handler has returned, or was given up. */
  called(ms: number): void {
    this.part.called(ms);
    const { counts } = this.#counted.calls;
    const found = CALL_BUCKET_ENDS_MS.findIndex((end) => ms <= end);
    const at = found === -1 ? CALL_BUCKET_ENDS_MS.length : found;
    counts[at] = (counts[at] ?? 0) + 1;
    this.#counted.calls.sum += ms / 1_000;
  }

  /** The counts since the last call of this; undefined: none. */
  take(): CountedEvents | undefined {
    const taken = this.#counted;
    const { done, putOff, dead, calls } = taken;
    if (done === 0 && putOff === 0 && dead === 0 && calls.counts.every((count) => count === 0))
      return undefined;
    this.#counted = nothing();
    const delivered = this.deliveries.take();
    return { ...taken, ...(delivered !== undefined && { delivered }) };
  }
}

const nothing = (): CountedEvents => ({
  ...{ done: 0, putOff: 0, dead: 0 },
  calls: { counts: Array(CALL_BUCKET_ENDS_MS.length + 1).fill(0), sum: 0 },
});
