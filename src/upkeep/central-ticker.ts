// Ticks the central queues after commits, so that a tick covers each of them, and wakes the workers.
//
// Invariant: a committed transaction is pending until a tick covers it; a queue is ticked at most every 20 ms.
import type { CentralLink } from '../central/central-link.ts';
import { LAZILY } from '../central/commit/tick-sql.ts';
import { failPoint } from '../lifecycle/fail-point.ts';
import type { WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { PendingTicks } from './pending-ticks.ts';

export class CentralTicker implements WatchedService {
  readonly name = 'central ticker';
  readonly #link: CentralLink;
  readonly #onTrouble: (error: unknown) => void;
  readonly #stopped = new AbortController();
  readonly #pending = new PendingTicks();
  #wake: (() => void) | undefined;
  turns = 0;

  constructor(link: CentralLink, { onTrouble }: { onTrouble: (error: unknown) => void }) {
    this.#link = link;
    this.#onTrouble = onTrouble;
  }

  /** Transaction `xid` has committed events into `queue`; commits of one `lane` follow one another. */
  committed(queue: string, xid: number, lane: string): void {
    this.#pending.committed(queue, xid, lane);
    this.#wake?.();
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted || !this.#pending.isEmpty) {
      this.turns += 1;
      if (this.#pending.isEmpty) await this.#next();
      const dueInMs = this.#pending.dueInMs ?? 0;
      if (dueInMs > 0) await wait(dueInMs);
      try {
        await this.#pending.ask((queue, xid) => this.#tick(queue, xid));
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

  async #tick(queue: string, xid: number): Promise<boolean> {
    await failPoint('tick:before');
    const rows = await this.#link.query<{ covered: boolean }>(
      `select ${LAZILY}, tributary.tick($1, $2) as covered`,
      [queue, xid],
    );
    await failPoint('tick:after');
    this.turns += 1;
    return rows[0]?.covered === true;
  }

  async #next(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const rest = new AbortController();
    this.#wake = () => rest.abort(null);
    await wait(TIMING.watchdog.longestRestMs, rest.signal);
    this.#wake = undefined;
  }
}
