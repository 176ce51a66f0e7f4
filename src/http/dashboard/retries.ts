// Retries of dead events that go on behind the answer to the page: bounded, seen by all that look, ended when the server stops.
import type { CentralPool } from '../../central/central-pool.ts';
import { type MeantDead, retryNoted } from '../../central/logbook/dead-actions.ts';
import { Refusal } from './asking.ts';
import type { RetryUnderWay } from './state.ts';

const MOST = 5;

interface Meant {
  readonly queue: string;
  readonly kind: string;
  readonly error: string;
}

export class Retries {
  readonly #pool: CentralPool;
  readonly #group: string;
  readonly #stopped = new AbortController();
  readonly #running = new Map<string, { shown: RetryUnderWay; readonly ended: Promise<void> }>();

  constructor(pool: CentralPool, group: string) {
    this.#pool = pool;
    this.#group = group;
  }

  get underWay(): readonly RetryUnderWay[] {
    return [...this.#running.values()].map(({ shown }) => shown);
  }

  /** @throws Refusal where the same, or too much, is under way. */
  begin(
    { queue, kind, error }: Meant,
    meant: MeantDead,
    { events, perSecond }: { readonly events: number; readonly perSecond: number },
  ): void {
    const key = JSON.stringify([queue, kind, error]);
    if (this.#running.has(key)) throw new Refusal(409, 'These are being retried already.');
    if (this.#running.size >= MOST || this.#stopped.signal.aborted)
      throw new Refusal(503, `${MOST} retries are under way on this host: wait until one has ended.`);
    const run = {
      shown: { queue, kind, error, done: 0, events } as RetryUnderWay,
      ended: this.#retry(meant, perSecond, (done) => {
        run.shown = { ...run.shown, done };
      }).finally(() => this.#running.delete(key)),
    };
    this.#running.set(key, run);
  }

  /** Ends all; what was not handed out is still dead. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  async #retry(meant: MeantDead, perSecond: number, onDone: (done: number) => void): Promise<void> {
    const { signal } = this.#stopped;
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
