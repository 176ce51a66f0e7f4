// Reads how much the central queues hold and how far their workers have come, and what other movers have for them.
import type { CentralLink } from './central-link.ts';

export interface QueueBacklog {
  /** Disk of the event tables. */
  readonly bytes: number;
  /** Events that wait for the slowest consumer, by sequence. */
  readonly waiting: number;
  /** How far that one has come, by sequence. */
  readonly handled: number;
  /** What each shard of other movers has waiting for the queue, as these reported it. */
  readonly others: readonly number[];
}

/** @param member who asks. @returns by central queue. */
export async function readBacklogs(
  link: CentralLink,
  { queues, member }: { readonly queues: readonly string[]; readonly member: string },
): Promise<Map<string, QueueBacklog>> {
  if (queues.length === 0) return new Map();
  const rows = await link.query<QueueBacklog & { queue: string }>('select * from tributary.room($1, $2)', [
    queues,
    member,
  ]);
  return new Map(rows.map(({ queue, ...backlog }) => [queue, backlog]));
}
