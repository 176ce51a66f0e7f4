// How long one shard takes to answer a round, and to send the next bytes of a COPY, and whether it takes too long now for a
// shard that is well.
import { TIMING } from '../../lifecycle/timing.ts';

/** Weight of the newest round in the usual time of one. */
const NEWEST = 0.1;
/** A shard that is far away, or on a busy machine, takes longer for every round: only several times its usual time is much. */
const USUAL_TIMES = 5;

export class RoundClock {
  #beganMs: number | undefined;
  #usualMs = 0;
  /** Since when bytes of a COPY are waited for; what we do with those that came is not the shard's time. */
  #copySinceMs: number | undefined;
  #usualCopyMs = 0;

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

  /** The shard is to send bytes of a COPY from now on. */
  awaitsBytes(): void {
    this.#copySinceMs = performance.now();
  }

  /** They came, or are not waited for any more. `isFirst`: the shard had to find and sort all rows before. */
  gotBytes({ isFirst = false } = {}): void {
    if (isFirst && this.#copySinceMs !== undefined) {
      const ms = performance.now() - this.#copySinceMs;
      this.#usualCopyMs += NEWEST * (Math.min(ms, TIMING.reports.silentMs) - this.#usualCopyMs);
    }
    this.#copySinceMs = undefined;
  }

  /** Whether the shard has not answered for long. */
  isOverdue(nowMs: number): boolean {
    const roundMs = Math.max(TIMING.reports.overdueMs, USUAL_TIMES * this.#usualMs);
    const copyMs = Math.max(TIMING.reports.copyOverdueMs, USUAL_TIMES * this.#usualCopyMs);
    return isLonger(nowMs, this.#beganMs, roundMs) || isLonger(nowMs, this.#copySinceMs, copyMs);
  }
}

const isLonger = (nowMs: number, sinceMs: number | undefined, patienceMs: number): boolean =>
  sinceMs !== undefined && nowMs - sinceMs > patienceMs;
