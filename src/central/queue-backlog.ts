// Reads how much the central queues hold: disk, and events that wait for the slowest consumer.
import type { CentralLink } from './central-link.ts';

export interface QueueBacklog {
  /** Disk of the event tables. */
  readonly bytes: number;
  /** Events that wait for the slowest consumer, by sequence. */
  readonly waiting: number;
}

/** By central queue. */
export async function readBacklogs(
  link: CentralLink,
  queues: readonly string[],
): Promise<Map<string, QueueBacklog>> {
  if (queues.length === 0) return new Map();
  const rows = await link.query<QueueBacklog & { queue: string }>('select * from tributary.held($1)', [
    queues,
  ]);
  return new Map(rows.map(({ queue, bytes, waiting }) => [queue, { bytes, waiting }]));
}
