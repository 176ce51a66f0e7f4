// When a shard is asked again, and how thoroughly: at once while something moves, less and less often while nothing does.
import type { Shard } from '../../config/config.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Thoroughness } from '../../shards/round.ts';

/** Until a shard that failed is connected to again; one of several servers may take over at any moment. */
export function retryAfterMs({ servers }: Pick<Shard, 'servers'>, failures: number): number {
  if (servers === undefined) return backoffMs(failures, TIMING.shard.trouble);
  return backoffMs(failures, { ...TIMING.shard.trouble, maxMs: TIMING.connections.failoverMs });
}

export class TurnPace {
  #idleMs = TIMING.centralTicks.apartMs;
  #chaseMs = TIMING.centralTicks.apartMs;
  #exactAtMs = 0;
  #beganMs = 0;
  #isExact = false;

  /** A turn begins. @returns how thorough it has to be. */
  begin(): Thoroughness {
    this.#beganMs = performance.now();
    this.#isExact = this.#beganMs >= this.#exactAtMs;
    return this.#isExact ? 'exact' : 'quick';
  }

  /** `hasOpen`: transactions were open at a newest tick; what they commit is looked for soon, less and less often. */
  ended({ rows, hasOpen }: { readonly rows: number; readonly hasOpen: boolean }): void {
    const { apartMs } = TIMING.centralTicks;
    const { idleMs } = TIMING.shard;
    const next = (ms: number) => (rows > 0 ? apartMs : Math.min(idleMs, ms * 2));
    this.#chaseMs = next(this.#chaseMs);
    this.#idleMs = next(this.#idleMs);
    if (this.#isExact || rows > 0)
      this.#exactAtMs = performance.now() + (hasOpen ? this.#chaseMs : idleMs / 2);
  }

  /** Until the next turn is due, in ms; hundreds of idle shards are asked in company, so that the process wakes up seldom. */
  get pauseMs(): number {
    const companyMs = TIMING.shard.idleCompanyMs;
    const nowMs = performance.now();
    const dueMs = Math.max(nowMs, this.#beganMs + this.#idleMs * (1 + Math.random() * 0.2));
    if (this.#idleMs < TIMING.shard.idleMs) return dueMs - nowMs;
    return Math.ceil(dueMs / companyMs) * companyMs - nowMs;
  }

  /** Until the next turn may begin, in ms, however much there is to do. */
  get leastPauseMs(): number {
    return this.#beganMs + TIMING.centralTicks.apartMs - performance.now();
  }
}
