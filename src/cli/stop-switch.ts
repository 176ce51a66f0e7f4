// Two stop signals out of any number of SIGINT and SIGTERM: the first drains, one that comes later means now.
//
// Invariant: presses within a second of the first count as the same one, because npm scripts deliver a terminal's
// Ctrl-C twice within a millisecond.
import { TIMING } from '../lifecycle/timing.ts';

export class StopSwitch {
  readonly #stop = new AbortController();
  readonly #hard = new AbortController();
  #firstAtMs: number | undefined;
  #isDrained = false;

  /** Reading it says: I stop when told; so the process must not simply be ended. */
  get signal(): AbortSignal {
    this.#isDrained = true;
    return this.#stop.signal;
  }

  get hardSignal(): AbortSignal {
    return this.#hard.signal;
  }

  /** @returns what the process itself should do: wait for the command, or end. */
  press(nowMs: number): 'wait' | 'end' {
    if (!this.#isDrained) return 'end';
    if (this.#firstAtMs === undefined) {
      this.#firstAtMs = nowMs;
      this.#stop.abort();
    } else if (nowMs - this.#firstAtMs > TIMING.commands.samePressMs) {
      if (this.#hard.signal.aborted) return 'end';
      this.#hard.abort();
    }
    return 'wait';
  }
}
