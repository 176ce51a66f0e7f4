// Retries of dead events that go on behind the answer to the page: bounded, seen by all that look, on whatever host, stopped by any
// of them, and ended when the server stops.
//
// Invariant: a retry is noted on central before its first event, and renewed while it goes on; what is not renewed is over.
import { randomUUID } from 'node:crypto';
import type { CentralPool } from '../../central/central-pool.ts';
import { type MeantDead, retryNoted } from '../../central/logbook/dead-actions.ts';
import {
  type AlikeDead,
  beatDeadRun,
  type DeadRun,
  endDeadRun,
  readDeadRuns,
  stopDeadRun,
} from '../../central/logbook/dead-runs.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import { Refusal } from './asking.ts';

const MOST = 5;

interface Run {
  readonly id: string;
  shown: DeadRun;
  readonly stop: AbortController;
  ended: Promise<void>;
}

export class Retries {
  readonly #pool: CentralPool;
  readonly #group: string;
  readonly #host: string;
  readonly #stopped = new AbortController();
  readonly #running = new Map<string, Run>();

  constructor(pool: CentralPool, { group, host }: { readonly group: string; readonly host: string }) {
    this.#pool = pool;
    this.#group = group;
    this.#host = host;
  }

  /** @throws Refusal where the same, or too much, is under way. */
  async begin(
    which: AlikeDead,
    meant: MeantDead,
    { events, perSecond }: Pick<DeadRun, 'events' | 'perSecond'>,
  ): Promise<void> {
    const { queue, kind, error } = which;
    const [other] = (await readDeadRuns(this.#pool, TIMING.http.runSilentMs)).filter(
      (one) => keyOf(one) === keyOf(which),
    );
    if (other !== undefined || this.#running.has(keyOf(which)))
      throw new Refusal(409, `These are being retried already, by host ${other?.host ?? this.#host}.`);
    if (this.#running.size >= MOST || this.#stopped.signal.aborted)
      throw new Refusal(503, `${MOST} retries are under way on this host: wait until one has ended.`);
    const shown = { queue, kind, error, host: this.#host, done: 0, events, perSecond };
    const run: Run = { id: randomUUID(), shown, stop: new AbortController(), ended: Promise.resolve() };
    this.#running.set(keyOf(which), run);
    try {
      await beatDeadRun(this.#pool, run.id, shown);
    } catch (trouble) {
      this.#running.delete(keyOf(which));
      throw trouble;
    }
    run.ended = this.#carryOut(run, meant);
  }

  /**
   * What was not handed out is still dead. One of another host ends within its next beat.
   * @returns how far it had come; undefined: it is not under way.
   */
  async stop(which: AlikeDead): Promise<DeadRun | undefined> {
    const run = this.#running.get(keyOf(which));
    if (run === undefined) return await stopDeadRun(this.#pool, which, TIMING.http.runSilentMs);
    run.stop.abort();
    await run.ended;
    return run.shown;
  }

  /** Ends all; what was not handed out is still dead. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  /** Never rejects: where central is away the rest is still dead, and shown as such. */
  async #carryOut(run: Run, meant: MeantDead): Promise<void> {
    const { perSecond } = run.shown;
    const signal = AbortSignal.any([run.stop.signal, this.#stopped.signal]);
    const over = new AbortController();
    const beating = this.#beat(run, AbortSignal.any([signal, over.signal]));
    try {
      await retryNoted(this.#pool, meant, {
        ...{ group: this.#group, perSecond, signal },
        onProgress: ({ retried, waiting, refused, cut }) => {
          run.shown = { ...run.shown, done: retried + waiting + refused + cut };
        },
      });
    } catch {
      // The beats say no more, and so does the page.
    }
    over.abort();
    await beating;
    await endDeadRun(this.#pool, run.id).catch(() => {});
    this.#running.delete(keyOf(run.shown));
  }

  async #beat(run: Run, signal: AbortSignal): Promise<void> {
    for (;;) {
      await wait(TIMING.http.runBeatMs, signal);
      if (signal.aborted) return;
      // It is tried again, and the retry itself will see that central is away.
      const isStopWanted = await beatDeadRun(this.#pool, run.id, run.shown).catch(() => false);
      if (isStopWanted) run.stop.abort();
    }
  }
}

const keyOf = ({ queue, kind, error }: AlikeDead): string => JSON.stringify([queue, kind, error]);
