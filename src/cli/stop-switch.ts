// Turns SIGINT and SIGTERM into two stop signals: the first means drain, a later one means now.
//
// Invariant: presses within a second of the first count as the same one, because npm scripts deliver a terminal's
// Ctrl-C twice within a millisecond.
import { TIMING } from '../lifecycle/timing.ts';

export class StopSwitch {
  readonly #stop = new AbortController();
  readonly #hard = new AbortController();
  #firstAtMs: number | undefined;
  #isDrained = false;

  /** A command that reads it stops by itself; so the process must not simply be ended. */
  get signal(): AbortSignal {
    this.#isDrained = true;
    return this.#stop.signal;
  }

  get hardSignal(): AbortSignal {
    return this.#hard.signal;
  }

  /** A signal has come. @returns what the process should do: wait for the command, or end. */
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
