// Ticks the queues that handlers sent events into, so that their workers see them at once: the mover that ticks behind its
// own commits knows nothing of these, and may run nowhere near.
//
// Invariant: what was committed is asked for until a tick covers it; a queue is ticked at most every 20 ms from here.
// Fails by: a process that dies in between leaves events without a tick; central's upkeep or the next send finds them.
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';

export class SentTicks {
  readonly #pending = new Map<string, number>();
  readonly #dueMs = new Map<string, number>();

  /** Transaction `xid` has committed events into `queue`. */
  committed(queue: string, xid: number): void {
    this.#pending.set(queue, Math.max(xid, this.#pending.get(queue) ?? 0));
  }

  /** In how many ms it is worth to call `run`; undefined: there is nothing to tick. */
  get dueInMs(): number | undefined {
    if (this.#pending.size === 0) return undefined;
    const dueMs = [...this.#pending.keys()].map((queue) => this.#dueMs.get(queue) ?? 0);
    return Math.max(0, Math.min(...dueMs) - performance.now());
  }

  /** Outside of every transaction. */
  async run(connection: Connection): Promise<void> {
    for (const [queue, xid] of [...this.#pending]) {
      const nowMs = performance.now();
      if (nowMs < (this.#dueMs.get(queue) ?? 0)) continue;
      this.#dueMs.set(queue, nowMs + TIMING.centralTicks.apartMs);
      const [row] = await connection.query('select tributary.tick($1, $2) as covered', [queue, xid]);
      if (row?.covered === true) this.#pending.delete(queue);
    }
  }
}
