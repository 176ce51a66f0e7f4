// Ticks the central queues after commits, so that a tick covers each of them, and wakes the workers.
//
// Invariant: a committed transaction is pending until a tick covers it; a queue is ticked at most every 20 ms.
import type { CentralLink } from '../central/central-link.ts';
import { LAZILY } from '../central/commit/tick-sql.ts';
import { failPoint } from '../lifecycle/fail-point.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';

export class CentralTicker implements WatchedService {
  readonly name = 'central ticker';
  readonly #link: CentralLink;
  readonly #onTrouble: (error: unknown) => void;
  readonly #stopped = new AbortController();
  /**
   * By queue and lane: the newest transaction that no tick is known to cover. Commits of one lane follow one another, so a
   * tick that covers the newest covers all of them; it says nothing about other lanes.
   */
  readonly #pending = new Map<string, Map<string, number>>();
  #wake: (() => void) | undefined;
  turns = 0;

  constructor(link: CentralLink, { onTrouble }: { onTrouble: (error: unknown) => void }) {
    this.#link = link;
    this.#onTrouble = onTrouble;
  }

  /** Transaction `xid` has committed events into `queue`; `lane`: who commits one after the other. */
  committed(queue: string, xid: number, lane: string): void {
    const lanes = this.#pending.get(queue) ?? new Map<string, number>();
    this.#pending.set(queue, lanes.set(lane, xid));
    this.#wake?.();
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted || this.#pending.size > 0) {
      this.turns += 1;
      if (this.#pending.size === 0) await this.#next();
      const beganMs = performance.now();
      try {
        await this.#tickPending();
        await wait(Math.max(0, TIMING.centralTicks.apartMs - (performance.now() - beganMs)));
      } catch (error) {
        this.#onTrouble(error);
        // Upkeep of the next mover finds what is not ticked now.
        if (signal.aborted) break;
        await wait(TIMING.centralTicks.retryMs, signal);
      }
    }
    await this.#link.close();
  }

  /** Ticks what was committed, then ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake?.();
  }

  abandon(): void {
    this.#pending.clear();
    this.#stopped.abort();
    this.#link.abandon();
    this.#wake?.();
  }

  async #tickPending(): Promise<void> {
    for (const [queue, lanes] of [...this.#pending]) {
      for (const [lane, xid] of [...lanes]) {
        await failPoint('tick:before');
        const rows = await this.#link.query<{ covered: boolean }>(
          `select ${LAZILY}, tributary.tick($1, $2) as covered`,
          [queue, xid],
        );
        await failPoint('tick:after');
        this.turns += 1;
        if (rows[0]?.covered && lanes.get(lane) === xid) lanes.delete(lane);
      }
      if (lanes.size === 0) this.#pending.delete(queue);
    }
  }

  async #next(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const rest = new AbortController();
    this.#wake = () => rest.abort();
    await wait(TIMING.watchdog.longestRestMs, rest.signal);
    this.#wake = undefined;
  }
}
