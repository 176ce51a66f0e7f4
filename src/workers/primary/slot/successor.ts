// The process that is to take a slot over: it loads the handler while the old one still works, and waits.
//
// States: loading · ready (the handler is loaded) · taken (it has the slot) · failed.
// Invariant: it has no connection and no batch before `take`, because two workers of one name would take each other's.
import type { FatalCall, StartMessage } from '../../protocol.ts';
import { type ProcessListener, WorkerProcess } from './worker-process.ts';

export interface SuccessorOptions {
  readonly start: StartMessage;
  /** The old one may end now. */
  onReady(): void;
  /** The successor cannot take over; the old process goes on. */
  onFailed(sentence: string): void;
}

export class Successor {
  readonly #process: WorkerProcess;
  #sentence: string | undefined;
  #isReady = false;

  constructor({ start, onReady, onFailed }: SuccessorOptions) {
    this.#process = new WorkerProcess({
      onMessage: (message) => {
        if (message.type === 'up') this.#process.send({ ...start, isStandby: true });
        else if (message.type === 'standby') {
          this.#isReady = true;
          onReady();
        } else if (message.type === 'unusable') this.#sentence = message.sentence;
      },
      onEnd: ({ code, signal }) => onFailed(this.#sentence ?? diedOf(signal ?? `exit code ${code}`)),
    });
  }

  /** The slot is free: the process reports to `listener` from now on. Also while it is still loading. */
  take(listener: ProcessListener, suspect: FatalCall | undefined): WorkerProcess {
    this.#process.listen(listener);
    this.#process.send({ type: 'go', ...(suspect && { suspect }) });
    return this.#process;
  }

  get ageMs(): number {
    return this.#process.ageMs;
  }

  /** It should have loaded the handler by now. */
  isOverdue(limitMs: number): boolean {
    return !this.#isReady && this.#process.ageMs > limitMs;
  }

  kill(): void {
    this.#process.kill();
  }
}

const diedOf = (how: string): string => `The new process died (${how}) before it could take over.`;
