// How long rounds of one shard take, and whether the one under way takes too long for a shard that is well.
import { TIMING } from '../../lifecycle/timing.ts';

/** Weight of the newest round in the usual time of one. */
const NEWEST = 0.1;
/** A shard that is far away, or on a busy machine, takes longer for every round: only several times its usual time is much. */
const USUAL_TIMES = 5;

export class RoundClock {
  #beganMs: number | undefined;
  #usualMs = 0;

  /** @returns what `round` gives; `onEnded` gets how long it took, where it did not fail. */
  async time<T>(round: () => Promise<T>, onEnded: (ms: number) => void): Promise<T> {
    const beganMs = performance.now();
    this.#beganMs = beganMs;
    try {
      const result = await round();
      const ms = performance.now() - beganMs;
      this.#usualMs += NEWEST * (Math.min(ms, TIMING.reports.silentMs) - this.#usualMs);
      onEnded(ms);
      return result;
    } finally {
      this.#beganMs = undefined;
    }
  }

  /** Whether the shard has not answered for long. */
  isOverdue(nowMs: number): boolean {
    const patienceMs = Math.max(TIMING.reports.overdueMs, USUAL_TIMES * this.#usualMs);
    return this.#beganMs !== undefined && nowMs - this.#beganMs > patienceMs;
  }
}
