// When a shard is asked again, and how thoroughly: every `mover.delay` while something moves, less and less often while nothing does.
//
// Turns begin at multiples of their interval on one clock: what several shards have comes to central in one commit then. A shard whose
// turns take long, as where the processor is what is waited for, is asked less often: fewer, fuller rounds cost less for each event.
import type { Shard } from '../../config/config.ts';
import { backoffMs } from '../../lifecycle/backoff.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Thoroughness } from '../../shards/round.ts';

/** Weight of the newest turn in the usual time of one. */
const NEWEST = 0.2;
/** A turn takes at most this share of the time from one to the next. */
const MOST_SHARE = 0.8;

/** Until a shard that failed is connected to again; one of several servers may take over at any moment. */
export function retryAfterMs({ servers }: Pick<Shard, 'servers'>, failures: number): number {
  if (servers === undefined) return backoffMs(failures, TIMING.shard.trouble);
  return backoffMs(failures, { ...TIMING.shard.trouble, maxMs: TIMING.connections.failoverMs });
}

export class TurnPace {
  readonly #delayOf: () => number;
  #intervalMs: number;
  #chaseMs = TIMING.centralTicks.apartMs;
  #usualMs = 0;
  #exactAtMs = 0;
  #beganMs = 0;
  #isExact = false;

  /** @param delayOf how long events may wait for a turn now, in ms, where the shard keeps up. */
  constructor(delayOf: () => number) {
    this.#delayOf = delayOf;
    this.#intervalMs = delayOf();
  }

  /** A turn begins. @returns how thorough it has to be. */
  begin(): Thoroughness {
    this.#beganMs = performance.now();
    this.#isExact = this.#beganMs >= this.#exactAtMs;
    return this.#isExact ? 'exact' : 'quick';
  }

  /** `hasOpen`: transactions were open at a newest tick; what they commit is looked for soon, less and less often. */
  ended({ rows, hasOpen }: { readonly rows: number; readonly hasOpen: boolean }): void {
    const { idleMs } = TIMING.shard;
    const nowMs = performance.now();
    this.#usualMs += NEWEST * (Math.min(nowMs - this.#beganMs, idleMs) - this.#usualMs);
    this.#chaseMs = rows > 0 ? TIMING.centralTicks.apartMs : Math.min(idleMs, this.#chaseMs * 2);
    this.#intervalMs = rows > 0 ? this.#delayOf() : Math.min(idleMs, this.#intervalMs * 2);
    if (this.#isExact) this.#exactAtMs = nowMs + TIMING.shard.exactMs;
    if (hasOpen && (this.#isExact || rows > 0))
      this.#exactAtMs = Math.min(this.#exactAtMs, nowMs + this.#chaseMs);
  }

  /** Until the next turn is due, in ms; hundreds of idle shards are asked in company, so that the process wakes up seldom. */
  get pauseMs(): number {
    const nowMs = performance.now();
    if (this.#intervalMs < TIMING.shard.idleMs) {
      const delayMs = this.#delayOf();
      const busyMs = Math.max(this.#intervalMs, this.#usualMs / MOST_SHARE);
      const intervalMs = Math.ceil(busyMs / delayMs) * delayMs;
      // Half an interval is enough: a turn that began late is followed by one at the usual time.
      return nextMultiple(Math.max(nowMs, this.#beganMs + intervalMs / 2), intervalMs) - nowMs;
    }
    const dueMs = Math.max(nowMs, this.#beganMs + this.#intervalMs * (1 + Math.random() * 0.2));
    return nextMultiple(dueMs, TIMING.shard.idleCompanyMs) - nowMs;
  }

  /** Until the next turn may begin, in ms, however much there is to do. */
  get leastPauseMs(): number {
    return this.#beganMs + TIMING.centralTicks.apartMs - performance.now();
  }
}

const nextMultiple = (ms: number, of: number): number => Math.ceil(ms / of) * of;
