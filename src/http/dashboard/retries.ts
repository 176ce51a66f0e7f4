// Retries of dead events that go on behind the answer to the page: bounded, seen by all that look, on whatever host, stopped by any
// of them, and ended when the server stops.
import type { CentralPool } from '../../central/central-pool.ts';
import type { MeantDead } from '../../central/logbook/dead-actions.ts';
import type { DeadRun, SeenDeadRun } from '../../central/logbook/dead-run.ts';
import { readDeadRuns, stopDeadRun } from '../../central/logbook/dead-runs.ts';
import { ShownRetry } from '../../central/logbook/shown-retry.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Refusal } from './asking.ts';

const MOST = 5;

/** Dead events that are alike. */
interface AlikeDead {
  readonly queue: string;
  readonly kind: string;
  readonly error: string;
}

interface Run {
  readonly retry: ShownRetry;
  readonly ended: Promise<unknown>;
}

export class Retries {
  readonly #pool: CentralPool;
  readonly #group: string;
  readonly #host: string;
  readonly #stopped = new AbortController();
  /** By queue, kind and error; undefined: it is about to begin. */
  readonly #running = new Map<string, Run | undefined>();

  constructor(pool: CentralPool, { group, host }: { readonly group: string; readonly host: string }) {
    this.#pool = pool;
    this.#group = group;
    this.#host = host;
  }

  /** @throws Refusal where the same, or too much, is under way. */
  async begin(
    which: AlikeDead,
    meant: MeantDead,
    { events, perSecond }: { readonly events: number; readonly perSecond: number },
  ): Promise<void> {
    const key = keyOf(which);
    const [other] = (await readDeadRuns(this.#pool, TIMING.http.runSilentMs)).filter(
      (one) => keyOf(one) === key,
    );
    if (other !== undefined || this.#running.has(key))
      throw new Refusal(409, `These are being retried already, by host ${other?.host ?? this.#host}.`);
    if (this.#running.size >= MOST || this.#stopped.signal.aborted)
      throw new Refusal(503, `${MOST} retries are under way on this host: wait until one has ended.`);
    this.#running.set(key, undefined);
    const { queue, kind, error } = which;
    const run = {
      queue,
      kind,
      error,
      what: null,
      host: this.#host,
      who: meant.operator.who,
      events,
      perSecond,
    };
    try {
      const retry = await ShownRetry.begin(this.#pool, run);
      const carriedOut = retry.run(meant, { group: this.#group, signal: this.#stopped.signal });
      // Where central is away the rest is still dead, and shown as such.
      const ended = carriedOut.catch(() => {}).then(() => this.#running.delete(key));
      this.#running.set(key, { retry, ended });
    } catch (trouble) {
      this.#running.delete(key);
      throw trouble;
    }
  }

  /**
   * What was not handed out is still dead. One of another process ends within its next beat.
   * @returns how far it had come; undefined: it is not under way.
   */
  async stop(id: string): Promise<SeenDeadRun | undefined> {
    const own = [...this.#running.values()].find((run) => run?.retry.shown.id === id);
    if (own === undefined) return await stopDeadRun(this.#pool, id, TIMING.http.runSilentMs);
    own.retry.stop();
    await own.ended;
    return own.retry.shown;
  }

  /** Ends all; what was not handed out is still dead. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#running.values()].map((run) => run?.ended));
  }
}

const keyOf = ({ queue, kind, error }: Pick<DeadRun, 'queue' | 'kind' | 'error'>): string =>
  JSON.stringify([queue, kind, error]);
