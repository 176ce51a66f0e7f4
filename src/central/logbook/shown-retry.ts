// A retry of dead events that all see while it goes on, and that any of them can stop.
//
// Invariant: it is noted on central before its first event, and renewed while it goes on; what is not renewed is over.
import { randomUUID } from 'node:crypto';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { CentralLink } from '../central-link.ts';
import type { DeadRetryOptions, RetryResult } from '../dead-retry.ts';
import { type MeantDead, retryNoted } from './dead-actions.ts';
import type { DeadRun, SeenDeadRun } from './dead-run.ts';
import { beatDeadRun, endDeadRun } from './dead-runs.ts';

type Central = Pick<CentralLink, 'use' | 'query'>;

export class ShownRetry {
  readonly #central: Central;
  readonly #stop = new AbortController();
  #shown: SeenDeadRun;

  private constructor(central: Central, shown: SeenDeadRun) {
    this.#central = central;
    this.#shown = shown;
  }

  /** All see it from now on. */
  static async begin(central: Central, run: Omit<DeadRun, 'done'>): Promise<ShownRetry> {
    const shown = { ...run, id: randomUUID(), done: 0 };
    await beatDeadRun(central, shown);
    return new ShownRetry(central, shown);
  }

  get shown(): SeenDeadRun {
    return this.#shown;
  }

  /** Somebody has stopped it. */
  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Ends it between two transactions: what is not handed out by then is still dead. */
  stop(): void {
    this.#stop.abort();
  }

  /** Does it, to the end or until it is stopped. */
  async run(
    meant: MeantDead,
    { group, signal }: Pick<DeadRetryOptions, 'group' | 'signal'>,
  ): Promise<RetryResult> {
    const { id, perSecond } = this.#shown;
    const over = new AbortController();
    const beating = this.#beat(AbortSignal.any([signal, this.#stop.signal, over.signal]));
    try {
      return await retryNoted(this.#central, meant, {
        ...{ group, perSecond: perSecond ?? undefined, signal: AbortSignal.any([signal, this.#stop.signal]) },
        onProgress: ({ retried, waiting, refused, cut }) => {
          this.#shown = { ...this.#shown, done: retried + waiting + refused + cut };
        },
      });
    } finally {
      over.abort();
      await beating;
      // Where central is away it is silent, and so over.
      await endDeadRun(this.#central, id).catch(() => {});
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    for (;;) {
      await wait(TIMING.http.runBeatMs, signal);
      if (signal.aborted) return;
      // It is tried again, and the retry itself will see that central is away.
      const isStopWanted = await beatDeadRun(this.#central, this.#shown).catch(() => false);
      if (isStopWanted) this.stop();
    }
  }
}
