// Whether we tick a queue, or leave it to another ticker (pgqd shows no name): judged by ticks that we did not make. Pure.

/** How long we keep still once another ticker has been seen, in ms. */
const YIELD_MS = 600_000;
/** Two ticks of somebody else within this time mean another ticker; one may be a hand at a console. */
const PAIR_MS = 10_000;
/** An event that waited this long for a tick means that the other ticker is gone. */
const PATIENCE_MS = 5_000;

export interface TickSeen {
  /** Newest tick of the queue. */
  readonly newestId: number;
  /** The tick that our round made, if it made one. */
  readonly tickedId: number | undefined;
  /** How long the oldest event without a tick may have waited: now less the newest tick's time, where one waits; else 0. */
  readonly waitingMs: number;
}

export class TickerWatch {
  readonly #mode: 'auto' | 'always' | 'never';
  #newestId: number | undefined;
  #foreignAtMs: number | undefined;
  #yieldUntilMs = 0;

  constructor(mode: 'auto' | 'always' | 'never') {
    this.#mode = mode;
  }

  mayTick(nowMs: number): boolean {
    if (this.#mode === 'never') return false;
    return this.#mode === 'always' || nowMs >= this.#yieldUntilMs;
  }

  /** True where another ticker was seen lately. */
  isForeign(nowMs: number): boolean {
    return this.#mode === 'auto' && nowMs < this.#yieldUntilMs;
  }

  saw({ newestId, tickedId, waitingMs }: TickSeen, nowMs: number): void {
    const isNew = this.#newestId !== undefined && newestId > this.#newestId;
    this.#newestId = newestId;
    if (isNew && newestId !== tickedId) {
      const isPair = this.#foreignAtMs !== undefined && nowMs - this.#foreignAtMs <= PAIR_MS;
      this.#foreignAtMs = nowMs;
      if (isPair) this.#yieldUntilMs = nowMs + YIELD_MS;
    } else if (waitingMs > PATIENCE_MS) {
      this.#yieldUntilMs = 0;
      this.#foreignAtMs = undefined;
    }
  }
}
