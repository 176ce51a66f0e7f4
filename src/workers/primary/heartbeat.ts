// The workers' heartbeat: touches their batches on their behalf, because their own connections are inside a transaction.
//
// Invariant: only batches of processes that are alive and not silent beyond their limit are touched (see Slot), so nothing is
// kept alive that makes no progress. A batch that is not touched goes to another member after DEAD_AFTER_MS.
import type { CentralLink } from '../../central/central-link.ts';
import { coopTouch } from '../../queue/coop.ts';
import type { Slot } from './slot.ts';

const EVERY_MS = 3_000;
/** Members that are silent for so long are dead: five heartbeats. */
export const DEAD_AFTER_MS = 15_000;

export class Heartbeat {
  readonly #link: CentralLink;
  #dueMs = 0;

  constructor(link: CentralLink) {
    this.#link = link;
  }

  /** Does nothing until it is due. @throws where central cannot be reached; due again at once then. */
  async beat(slots: readonly Slot[]): Promise<void> {
    const nowMs = performance.now();
    if (nowMs < this.#dueMs) return;
    const tokens = slots.flatMap(({ token }) => (token === undefined ? [] : [token]));
    if (tokens.length > 0) {
      await this.#link.use(async (connection) => {
        for (const token of tokens) await coopTouch(connection, token);
      });
    }
    this.#dueMs = nowMs + EVERY_MS;
  }
}
