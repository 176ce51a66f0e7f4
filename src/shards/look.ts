// A look at a shard before its round: which of its queues can have anything new. It costs the server a fraction of a round.
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection, Row } from '../postgres/connection.ts';
import type { QueueOnShard } from './queue-on-shard.ts';
import { type RoundRow, type SeenQueue, toSeen } from './round.ts';

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

/** Where reading of a queue stands. */
export interface LookedFrom {
  readonly queue: QueueOnShard;
  readonly tickId: number;
}

/** Of the newest tick alone: what lies between it and the position is for a round to find. */
const NEWEST = { endTickId: undefined, limit: 0, ticks: Number.POSITIVE_INFINITY };

/**
 * What an exact round would see of these queues if their newest ticks were all that there is.
 * @param texts of the statements: a `PreparedRound` has them.
 * @returns by queue id; queues that are gone are absent.
 */
export async function lookExactlyAt(
  shard: Connection,
  queues: readonly LookedFrom[],
  texts: readonly string[],
): Promise<Map<number, SeenQueue>> {
  const results = await shard.script(texts.join(';\n'), { timeoutMs: TIMING.shard.roundMs });
  const rows = new Map(results.flat().map((row) => [row.id as number, row]));
  return new Map(
    queues.flatMap(({ queue, tickId }): [number, SeenQueue][] => {
      const row = rows.get(queue.queueId);
      if (row === undefined) return [];
      const { uncovered } = row as Row & { uncovered: boolean };
      const asked = { ...NEWEST, queue, tickId };
      const more = { ticked: undefined, uncovered, inline: undefined };
      return [[queue.queueId, toSeen(asked, [row as unknown as RoundRow], more)]];
    }),
  );
}
