// Whether a worker gets on, for those who watch from outside.
//
// Invariant: as long as calls of the handler end, timers and messages have their turn, also where the handler never waits
// for anything: a busy worker is not taken for a blocked one.
import { setImmediate as turn } from 'node:timers/promises';
import { TIMING } from '../../lifecycle/timing.ts';

export class LifeSigns {
  #progressMs = performance.now();
  #breathMs = performance.now();
  #lookMs = performance.now();

  /** Something was done, or there is nothing to do. */
  progress(): void {
    this.#progressMs = performance.now();
  }

  /** For how long nothing was done. To be asked every second: what the process slept through does not count. */
  stalledMs(): number {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#lookMs;
    this.#lookMs = nowMs;
    if (sinceMs > TIMING.worker.breathLooksMs) this.#progressMs = Math.min(nowMs, this.#progressMs + sinceMs);
    return nowMs - this.#progressMs;
  }

  /** The handler has come back. @returns undefined where nobody has waited for a turn for long. */
  afterCall(): Promise<void> | undefined {
    this.progress();
    if (this.#progressMs - this.#breathMs < TIMING.worker.breathEveryMs) return undefined;
    return turn().then(() => {
      this.#breathMs = performance.now();
    });
  }
}
