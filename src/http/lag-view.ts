// Reads what central knows, as `lag` would show it, for any number of pages.
//
// Invariant: central is asked at most once at a time and not more than twice a second.
// A report is at most that old; where central does not answer in time, there is none.
import type { CentralPool } from '../central/central-pool.ts';
import type { Config } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { LagReader } from '../observability/lag/reader.ts';
import type { LagReport } from '../observability/lag/report.ts';

export class LagView {
  readonly #reader: LagReader;
  #reading: Promise<LagReport> | undefined;
  /** When the reading began, and whether it is over. */
  #beganMs = Number.NEGATIVE_INFINITY;
  #isOver = true;

  /** @param pool closed with the view. */
  constructor(config: Config, pool: CentralPool) {
    this.#reader = new LagReader(config, pool);
  }

  /** @throws TributaryError where central cannot be asked, or does not answer in time. */
  async report(): Promise<LagReport> {
    const reading = this.#current();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(tooLate()), TIMING.http.centralMs);
    });
    try {
      return await Promise.race([reading, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  #current(): Promise<LagReport> {
    const isFresh = performance.now() - this.#beganMs < TIMING.http.keptMs;
    if (this.#reading !== undefined && (!this.#isOver || isFresh)) return this.#reading;
    this.#beganMs = performance.now();
    this.#isOver = false;
    this.#reading = this.#reader.read({ isCentralOnly: true }).finally(() => {
      this.#isOver = true;
    });
    // Where no page waits for it any more, its error must not be unhandled.
    this.#reading.catch(() => {});
    return this.#reading;
  }
}

const tooLate = () =>
  new TributaryError(`Central did not answer within ${TIMING.http.centralMs / 1_000} s.`, {
    code: 'timeout',
    kind: 'retryable',
  });
