// Whether we tick a queue, or leave it to another ticker (pgqd shows no name): judged by ticks that we did not make. Pure.
//
// Ticks of another mover of ours do not count: it moves the same source, and only around a takeover.
import { TIMING } from '../../lifecycle/timing.ts';

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
  /** The first of the foreign ticks that lie close together. */
  #foreignAtMs: number | undefined;
  #yieldedAtMs = Number.NEGATIVE_INFINITY;
  #yieldUntilMs = 0;
  #handoverUntilMs = 0;

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

  /** Another mover of ours had the source until now, or still has it: recent ticks may have been its ticks. */
  handedOver(nowMs: number): void {
    this.#handoverUntilMs = nowMs + TIMING.otherTicker.handoverMs;
    this.#foreignAtMs = undefined;
    if (nowMs - this.#yieldedAtMs <= TIMING.otherTicker.handoverMs) this.#yieldUntilMs = 0;
  }

  /** @returns whether another ticker was found just now, beside which we do not tick from here on. */
  saw({ newestId, tickedId, waitingMs }: TickSeen, nowMs: number): boolean {
    const wasForeign = this.isForeign(nowMs);
    const isNew = this.#newestId !== undefined && newestId > this.#newestId;
    this.#newestId = newestId;
    if (isNew && newestId !== tickedId) {
      if (nowMs >= this.#handoverUntilMs) this.#sawForeign(nowMs);
    } else if (waitingMs > TIMING.otherTicker.patienceMs) {
      this.#yieldUntilMs = 0;
      this.#foreignAtMs = undefined;
    }
    return !wasForeign && this.isForeign(nowMs);
  }

  #sawForeign(nowMs: number): void {
    const sinceMs = this.#foreignAtMs === undefined ? Number.POSITIVE_INFINITY : nowMs - this.#foreignAtMs;
    if (sinceMs > TIMING.otherTicker.pairMs) this.#foreignAtMs = nowMs;
    const isYielding = nowMs < this.#yieldUntilMs;
    if (!isYielding && (sinceMs < TIMING.otherTicker.apartMs || sinceMs > TIMING.otherTicker.pairMs)) return;
    if (!isYielding) this.#yieldedAtMs = nowMs;
    this.#yieldUntilMs = nowMs + TIMING.otherTicker.yieldMs;
  }
}
