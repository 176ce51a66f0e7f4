// A look at a shard before its round: which of its queues can have anything new. It costs the server a fraction of a round.
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';

/** What a look tells of one queue. */
export interface Looked {
  /** The event sequence's last value. */
  readonly lastSeq: number;
  /** The newest tick; undefined: there is none. */
  readonly tickId: number | undefined;
  /** Whether an event is committed that no tick covers; undefined: not asked. */
  readonly isUncovered: boolean | undefined;
  /** Whether a transaction is open still that was open just after the newest tick; undefined: not asked. */
  readonly isOpen: boolean | undefined;
}

/**
 * @param texts of the statements: a `PreparedRound` has them.
 * @returns by queue id; queues that are gone are absent.
 */
export async function lookAt(shard: Connection, texts: readonly string[]): Promise<Map<number, Looked>> {
  const results = await shard.script(texts.join(';\n'), { timeoutMs: TIMING.shard.roundMs });
  const [queues = [], ...left] = results;
  const open = new Map(left.flat().map((row) => [row.id as number, row]));
  return new Map(
    queues.map((row): [number, Looked] => {
      const id = row.id as number;
      return [
        id,
        {
          lastSeq: row.last_seq as number,
          tickId: (row.tick_id as number | null) ?? undefined,
          isUncovered: open.get(id)?.uncovered as boolean | undefined,
          isOpen: open.get(id)?.open as boolean | undefined,
        },
      ];
    }),
  );
}
