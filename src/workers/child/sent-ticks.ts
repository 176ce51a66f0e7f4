// Ticks the queues that handlers sent events into, so that their workers see them at once: movers tick only behind their own
// commits.
//
// Fails by: a process that dies in between leaves events without a tick; central's upkeep or the next send ticks them.
import type { Connection } from '../../postgres/connection.ts';
import { PendingTicks } from '../../upkeep/pending-ticks.ts';

export class SentTicks {
  readonly #pending = new PendingTicks();

  /** Transaction `xid` has committed events into `queue`. */
  committed(queue: string, xid: number): void {
    this.#pending.committed(queue, xid);
  }

  /** Ms until `run` has something to do; undefined: there is nothing to tick. */
  get dueInMs(): number | undefined {
    return this.#pending.dueInMs;
  }

  /** Ticks what is due; only while no transaction is open. */
  async run(connection: Connection): Promise<void> {
    await this.#pending.ask(async (queue, xid) => {
      const [row] = await connection.query('select tributary.tick($1, $2) as covered', [queue, xid]);
      return row?.covered === true;
    });
  }
}
