// What the parts of the demo share: options, screen, the stop signal, and clean-up.
import { setMaxListeners } from 'node:events';
import type { Config } from '../../config/config.ts';
import type { CliContext } from '../context.ts';
import type { Ledger } from './ledger.ts';
import type { DemoOptions } from './options.ts';
import { Screen } from './screen.ts';

/** Passed from one part of the demo to the next. */
export class Stage {
  readonly context: CliContext;
  readonly options: DemoOptions;
  readonly screen: Screen;
  /** Aborted by a stop signal or by `fail`, with the error as its reason. */
  readonly signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #steps: (() => Promise<unknown>)[] = [];

  constructor(context: CliContext, options: DemoOptions) {
    this.context = context;
    this.options = options;
    this.screen = new Screen(context.raw.stdout);
    this.signal = AbortSignal.any([context.signal, this.#failed.signal]);
    // Many listen to it at a time, for instance each till.
    setMaxListeners(0, this.signal);
  }

  /** Ends the demo with this error. */
  fail(error: unknown): void {
    this.#failed.abort(error);
  }

  /** Registers a clean-up; they run at the end, the last first, whatever happens in between. */
  finally(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  async end(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      // The other clean-ups must still run; what a failed one leaves ends with the server.
      await step().catch(() => {});
    }
  }

  /** The work's result, or the signal's reason at once; the work is not waited for then. */
  unlessStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }
}

/** When the databases are there. */
export interface Installed {
  readonly stage: Stage;
  readonly config: Config;
  readonly ledger: Ledger;
  /** Where the page of the shop is, if it is served. */
  readonly shop?: string;
}
