// Whether a worker makes progress, as its primary sees it.
//
// Invariant: as long as calls of the handler end, timers and messages have their turn, also where the handler never waits
// for anything: a busy worker is not taken for a blocked one.
import { setImmediate as turn } from 'node:timers/promises';
import { TIMING } from '../../lifecycle/timing.ts';

export class LifeSigns {
  #progressMs = performance.now();
  #turnMs = performance.now();
  #lookMs = performance.now();

  /** Something was done, or there is nothing to do. */
  progress(): void {
    this.#progressMs = performance.now();
  }

  /** For how long nothing was done. Call it every second: time in which the process did not run does not count. */
  stalledMs(): number {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#lookMs;
    this.#lookMs = nowMs;
    if (sinceMs > TIMING.worker.stallLooksMs) this.#progressMs = Math.min(nowMs, this.#progressMs + sinceMs);
    return nowMs - this.#progressMs;
  }

  /** The handler has returned. @returns a turn of the event loop, where the last one is long ago. */
  afterCall(): Promise<void> | undefined {
    this.progress();
    if (this.#progressMs - this.#turnMs < TIMING.worker.turnEveryMs) return undefined;
    return turn().then(() => {
      this.#turnMs = performance.now();
    });
  }
}
