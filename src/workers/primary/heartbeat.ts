// The workers' heartbeat: touches their batches on their behalf, because their own connections are inside a transaction, and
// looks for batches that are not touched by their own host.
//
// Invariant: only batches of processes that are alive and not silent beyond their limit are touched (see Slot), so no batch
// is kept that makes no progress. A batch that its host does not touch becomes free for all (see SilentMembers).
import type { CentralLink } from '../../central/central-link.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { coopTouch } from '../../queue/coop.ts';
import { type MemberGroup, SilentMembers } from './silent-members.ts';
import type { Slot } from './slot/slot.ts';

export class Heartbeat {
  readonly #link: CentralLink;
  readonly #others: SilentMembers;
  #dueMs = 0;

  constructor(link: CentralLink, groups: () => readonly MemberGroup[]) {
    this.#link = link;
    this.#others = new SilentMembers(groups);
  }

  /** Does nothing until it is due. @throws where central cannot be reached; due again at once then. */
  async beat(slots: readonly Slot[]): Promise<void> {
    const nowMs = performance.now();
    if (nowMs < this.#dueMs) return;
    const tokens = slots.flatMap(({ token }) => (token === undefined ? [] : [token]));
    await this.#link.use(async (connection) => {
      for (const token of tokens) await coopTouch(connection, token);
      await this.#others.look(connection);
    });
    this.#dueMs = nowMs + TIMING.pool.heartbeatEveryMs;
  }
}
