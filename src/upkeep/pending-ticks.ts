// Commits that no tick is known to cover yet, by central queue.
//
// Invariant: a commit is pending until a tick covers it; a queue is ticked at most every `centralTicks.apartMs`.
import type { CentralLink } from '../central/central-link.ts';
import { TIMING } from '../lifecycle/timing.ts';

/** Asks for a tick behind a transaction. @returns whether a tick covers the transaction now. */
export type AskForTick = (queue: string, xid: number) => Promise<boolean>;

/** Asks central over this link. */
export const tickOn =
  (link: Pick<CentralLink, 'query'>): AskForTick =>
  async (queue, xid) => {
    const [row] = await link.query<{ covered: boolean }>('select tributary.tick($1, $2) as covered', [
      queue,
      xid,
    ]);
    return row?.covered === true;
  };

export class PendingTicks {
  /**
   * By queue and lane: the newest transaction that no tick is known to cover. Commits of one lane follow one another, so a
   * tick that covers the newest covers all of them; it says nothing about other lanes.
   */
  readonly #pending = new Map<string, Map<string, number>>();
  readonly #dueMs = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** Ms until `ask` has something to do; undefined: there is nothing to tick. */
  get dueInMs(): number | undefined {
    if (this.isEmpty) return undefined;
    const dueMs = [...this.#pending.keys()].map((queue) => this.#dueMs.get(queue) ?? 0);
    return Math.max(0, Math.min(...dueMs) - performance.now());
  }

  /** Transaction `xid` has committed events into `queue`; commits of one `lane` follow one another. */
  committed(queue: string, xid: number, lane = ''): void {
    const lanes = this.#pending.get(queue) ?? new Map<string, number>();
    this.#pending.set(queue, lanes.set(lane, xid));
  }

  /** Asks once for each lane of the queues that are due. */
  async ask(tick: AskForTick): Promise<void> {
    for (const [queue, lanes] of [...this.#pending]) {
      const nowMs = performance.now();
      if (nowMs < (this.#dueMs.get(queue) ?? 0)) continue;
      this.#dueMs.set(queue, nowMs + TIMING.centralTicks.apartMs);
      for (const [lane, xid] of [...lanes])
        if ((await tick(queue, xid)) && lanes.get(lane) === xid) lanes.delete(lane);
      if (lanes.size === 0) this.#pending.delete(queue);
    }
  }

  clear(): void {
    this.#pending.clear();
  }
}
