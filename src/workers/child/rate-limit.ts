// Lets a worker start as many events as the rate of its queue allows, over all workers on all hosts.
//
// Invariant: asks central in transactions of their own, while no other is open on the connection; only events that central
// has granted start, and none are granted for later.
// Fails by: a death loses events that were granted and did not start, at most those of a quarter of a second.
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { Querier } from '../../queue/coop.ts';
import type { StartMessage } from '../protocol.ts';

export interface RateLimitOptions {
  /** The queue, or its group. */
  readonly queue: string;
  readonly perSecond: number;
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Called before each wait: waiting is no stall. */
  onWaiting(): void;
}

/** Undefined where the queue has no rate. */
export function rateLimitOf(
  { queue, work = queue, ratePerSecond }: Pick<StartMessage, 'queue' | 'work' | 'ratePerSecond'>,
  options: Pick<RateLimitOptions, 'signal' | 'onWaiting'>,
): RateLimit | undefined {
  return ratePerSecond === undefined
    ? undefined
    : new RateLimit({ queue: work, perSecond: ratePerSecond, ...options });
}

/** The worker has to end while it waits for the rate: the batch goes back unchanged. */
export class HandedBack extends Error {
  override readonly name = 'HandedBack';
}

const TAKE = 'select granted, wait_ms from tributary.rate_take($1, $2, $3)';

export class RateLimit {
  readonly #options: RateLimitOptions;
  #last: { readonly atMs: number; readonly events: number } | undefined;
  #msPerEvent: number | undefined;

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /**
   * Waits until events may start.
   * @param range.most how many there are
   * @param range.least fewer cannot start alone; more than the rate allows at once accumulate.
   * @param range.isOneByOne they start one after the other; only as many are asked for as will start soon.
   * @returns between least and most. @throws HandedBack
   */
  async take(
    connection: Querier,
    { most, least = 1, isOneByOne }: { most: number; least?: number; isOneByOne: boolean },
  ): Promise<number> {
    const wanted = Math.max(least, isOneByOne ? Math.min(most, this.#soon()) : most);
    let taken = 0;
    for (let lost = 0; taken < least; lost += 1) {
      if (this.#options.signal.aborted) throw handedBack();
      const { granted, waitMs } = await this.#ask(connection, wanted - taken);
      taken += granted;
      if (granted > 0) lost = 0;
      else await this.#wait(waitMs, lost);
    }
    this.#last = { atMs: performance.now(), events: taken };
    return taken;
  }

  /** Events started one after the other within this time; without this call the time until the next `take` counts. */
  ran(events: number, ms: number): void {
    this.#msPerEvent = ms / Math.max(1, events);
  }

  async #ask(connection: Querier, wanted: number): Promise<{ granted: number; waitMs: number }> {
    const { queue, perSecond } = this.#options;
    const [row] = await connection.query(TAKE, [queue, wanted, perSecond]);
    return { granted: Number(row?.granted), waitMs: Number(row?.wait_ms) };
  }

  async #wait(ms: number, lost: number): Promise<void> {
    const { signal, onWaiting } = this.#options;
    onWaiting();
    // Random, so that many waiting workers do not ask at the same moment again and again.
    const patienceMs =
      Math.random() * Math.min(TIMING.worker.rateLongestPatienceMs, TIMING.worker.ratePatienceMs * lost);
    await wait(Math.min(TIMING.worker.rateLongestWaitMs, ms + patienceMs), signal);
  }

  /** How many events start soon, judged by the last ones. */
  #soon(): number {
    if (this.#last === undefined) return 1;
    const msPerEvent =
      this.#msPerEvent ?? (performance.now() - this.#last.atMs) / Math.max(1, this.#last.events);
    return Math.max(1, Math.floor(TIMING.worker.rateBegunMs / Math.max(msPerEvent, 0.01)));
  }
}

const handedBack = (): HandedBack =>
  new HandedBack(
    'The worker has to end while the batch waits for the rate of its queue; another one goes on with it.',
  );
