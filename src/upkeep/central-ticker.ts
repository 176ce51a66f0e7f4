// Ticks the central queues after commits, so that a tick covers each of them, and wakes the workers.
//
// Invariant: whoever committed asks until a tick covers it; a queue is ticked at most every 20 ms.

import type { CentralLink } from '../central/central-link.ts';
import { failPoint } from '../lifecycle/fail-point.ts';
import type { Service } from '../lifecycle/service.ts';
import { wait } from '../lifecycle/wait.ts';

const MIN_INTERVAL_MS = 20;
const RETRY_MS = 250;

export class CentralTicker implements Service {
  readonly name = 'central ticker';
  readonly #link: CentralLink;
  readonly #onTrouble: (error: unknown) => void;
  readonly #stopped = new AbortController();
  /** The newest transaction of each queue that no tick is known to cover. */
  readonly #pending = new Map<string, number>();
  #wake: (() => void) | undefined;

  constructor(link: CentralLink, { onTrouble }: { onTrouble: (error: unknown) => void }) {
    this.#link = link;
    this.#onTrouble = onTrouble;
  }

  /** Transaction `xid` has committed events into `queue`. */
  committed(queue: string, xid: number): void {
    this.#pending.set(queue, Math.max(xid, this.#pending.get(queue) ?? 0));
    this.#wake?.();
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted || this.#pending.size > 0) {
      if (this.#pending.size === 0) await this.#next();
      const beganMs = Date.now();
      try {
        await this.#tickPending();
        await wait(Math.max(0, MIN_INTERVAL_MS - (Date.now() - beganMs)));
      } catch (error) {
        this.#onTrouble(error);
        // What is not ticked now is found by the next mover's upkeep.
        if (signal.aborted) return;
        await wait(RETRY_MS, signal);
      }
    }
  }

  /** Ticks what was committed, then ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake?.();
  }

  async #tickPending(): Promise<void> {
    for (const [queue, xid] of [...this.#pending]) {
      await failPoint('tick:before');
      const rows = await this.#link.query<{ covered: boolean }>('select tributary.tick($1, $2) as covered', [
        queue,
        xid,
      ]);
      await failPoint('tick:after');
      if (rows[0]?.covered && this.#pending.get(queue) === xid) this.#pending.delete(queue);
    }
  }

  async #next(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
