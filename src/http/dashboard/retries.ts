// Retries of dead events that go on behind the answer to the page: bounded, seen by all that look, stopped by any of them, and ended
// when the server stops.
import type { CentralPool } from '../../central/central-pool.ts';
import { type MeantDead, retryNoted } from '../../central/logbook/dead-actions.ts';
import { Refusal } from './asking.ts';
import type { RetryUnderWay } from './state.ts';

const MOST = 5;

/** Those that are alike. */
export type AlikeDead = Pick<RetryUnderWay, 'queue' | 'kind' | 'error'>;

interface Run {
  shown: RetryUnderWay;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export class Retries {
  readonly #pool: CentralPool;
  readonly #group: string;
  readonly #stopped = new AbortController();
  readonly #running = new Map<string, Run>();

  constructor(pool: CentralPool, group: string) {
    this.#pool = pool;
    this.#group = group;
  }

  get underWay(): readonly RetryUnderWay[] {
    return [...this.#running.values()].map(({ shown }) => shown);
  }

  /** @throws Refusal where the same, or too much, is under way. */
  begin(
    which: AlikeDead,
    meant: MeantDead,
    { events, perSecond }: Pick<RetryUnderWay, 'events' | 'perSecond'>,
  ): void {
    const key = keyOf(which);
    if (this.#running.has(key)) throw new Refusal(409, 'These are being retried already.');
    if (this.#running.size >= MOST || this.#stopped.signal.aborted)
      throw new Refusal(503, `${MOST} retries are under way on this host: wait until one has ended.`);
    const { queue, kind, error } = which;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stopped.signal]);
    const run: Run = {
      shown: { queue, kind, error, done: 0, events, perSecond },
      stop,
      ended: this.#retry(meant, { perSecond, signal }, (done) => {
        run.shown = { ...run.shown, done };
      }).finally(() => this.#running.delete(key)),
    };
    this.#running.set(key, run);
  }

  /** What was not handed out is still dead. @returns how far it had come; undefined: it is not under way here. */
  async stop(which: AlikeDead): Promise<RetryUnderWay | undefined> {
    const run = this.#running.get(keyOf(which));
    run?.stop.abort();
    await run?.ended;
    return run?.shown;
  }

  /** Ends all; what was not handed out is still dead. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  async #retry(
    meant: MeantDead,
    { perSecond, signal }: { readonly perSecond: number; readonly signal: AbortSignal },
    onDone: (done: number) => void,
  ): Promise<void> {
    try {
      await retryNoted(this.#pool, meant, {
        ...{ group: this.#group, perSecond, signal },
        onProgress: ({ retried, waiting, refused, cut }) => onDone(retried + waiting + refused + cut),
      });
    } catch {
      // Central is away: the rest is still dead, and shown as such.
    }
  }
}

const keyOf = ({ queue, kind, error }: AlikeDead): string => JSON.stringify([queue, kind, error]);
