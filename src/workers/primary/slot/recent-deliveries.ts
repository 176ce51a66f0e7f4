// How long events of the last minute were under way to the handler, by bucket.
import { TIMING } from '../../../lifecycle/timing.ts';

export class RecentDeliveries {
  /** Of the half minute that is under way, and of the one before. */
  #now: number[] = [];
  #before: number[] = [];
  #sinceMs = performance.now();

  add(counts: readonly number[]): void {
    this.#turn();
    this.#now = sumByPlace(this.#now, counts);
  }

  /** Undefined: there were none. */
  get counts(): readonly number[] | undefined {
    this.#turn();
    const all = sumByPlace(this.#now, this.#before);
    return all.some((count) => count > 0) ? all : undefined;
  }

  #turn(): void {
    const nowMs = performance.now();
    const halves = Math.floor((nowMs - this.#sinceMs) / (TIMING.slots.throughput.windowMs / 2));
    if (halves === 0) return;
    this.#before = halves === 1 ? this.#now : [];
    this.#now = [];
    this.#sinceMs = nowMs;
  }
}

/** By place; one that has no number there counts as 0. */
export function sumByPlace(one: readonly number[], other: readonly number[]): number[] {
  const [longer, shorter] = one.length >= other.length ? [one, other] : [other, one];
  return longer.map((count, at) => count + (shorter[at] ?? 0));
}
