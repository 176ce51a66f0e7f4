// How many events a second a slot has handled over the last minute, whatever came of them. Pure.
//
// Invariant: events of a batch count once, even where they are rolled back and done again.
import { TIMING } from '../../../lifecycle/timing.ts';

const { leastMs, windowMs } = TIMING.slots.throughput;

export class Throughput {
  /** Events until then; the first entry is the youngest that is a window old, if there is one. */
  #samples: { readonly atMs: number; readonly events: number }[] = [];
  #events = 0;
  /** Events of the batch at hand that are counted already. */
  #ofBatch = 0;

  opened(): void {
    this.#ofBatch = 0;
  }

  /** The batch at hand has this many done. */
  reached(done: number): void {
    this.#events += Math.max(0, done - this.#ofBatch);
    this.#ofBatch = Math.max(done, this.#ofBatch);
  }

  /** Call it about once a second. */
  sample(nowMs: number): void {
    this.#samples.push({ atMs: nowMs, events: this.#events });
    const inside = this.#samples.findIndex(({ atMs }) => nowMs - atMs < windowMs);
    if (inside > 1) this.#samples.splice(0, inside - 1);
  }

  /** Undefined: there are too few samples yet. */
  perSecond(nowMs: number): number | undefined {
    const [first] = this.#samples;
    if (first === undefined || nowMs - first.atMs < leastMs) return undefined;
    return ((this.#events - first.events) * 1_000) / (nowMs - first.atMs);
  }
}
