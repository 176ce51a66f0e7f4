// Finds batches of members that are gone, on whatever host, by their silence, as silent holders of leases are found.
//
// Invariant: a batch is taken from a member only after this process has looked at it for the whole time without a gap, and the
// last sign of life stayed the same: by this process's clock, never by central's. After a stall of central, a step of its
// clock or a sleep of this host the time begins anew.
import { TIMING } from '../../lifecycle/timing.ts';
import { coopExpire, coopOpenBatches, type OpenBatch, type Querier } from '../../queue/coop.ts';

/** A group, as a consumer of these queues. */
export interface MemberGroup {
  readonly queues: readonly string[];
  readonly group: string;
}

export class SilentMembers {
  readonly #groups: () => readonly MemberGroup[];
  #seen = new Map<number, { readonly active: string; readonly sinceMs: number }>();
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** @param groups those whose members are watched now. */
  constructor(groups: () => readonly MemberGroup[]) {
    this.#groups = groups;
  }

  /** To be called every few seconds. */
  async look(connection: Querier): Promise<void> {
    const startedMs = performance.now();
    const open: OpenBatch[] = [];
    for (const group of this.#groups()) open.push(...(await coopOpenBatches(connection, group)));
    const answeredMs = performance.now();
    const before = answeredMs - this.#lookedAtMs > TIMING.pool.memberLooksMs ? new Map() : this.#seen;
    this.#lookedAtMs = answeredMs;
    this.#seen = new Map(
      open.map(({ token, active }) => [
        token,
        before.get(token)?.active === active ? before.get(token) : { active, sinceMs: answeredMs },
      ]),
    );
    const isSilent = ({ token }: OpenBatch) =>
      startedMs - (this.#seen.get(token)?.sinceMs ?? startedMs) >= TIMING.pool.silentMemberMs;
    for (const batch of open.filter(isSilent)) await coopExpire(connection, batch);
  }
}
