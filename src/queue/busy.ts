// How many workers have a batch at hand.
import type { Connection } from '../postgres/connection.ts';

/** By central queue; one without is absent. */
export async function busyWorkers(
  central: Connection,
  timeoutMs: number,
): Promise<ReadonlyMap<string, number>> {
  // Batches of ours have numbers beyond those of PgQ's own: tributary.coop_token begins there.
  const rows = await central.query<{ queue: string; busy: number }>(
    `select q.queue_name as queue, count(*)::int as busy
     from pgq.subscription s join pgq.queue q on q.queue_id = s.sub_queue
     where s.sub_batch >= 1000000000000000 group by 1`,
    [],
    { timeoutMs },
  );
  return new Map(rows.map(({ queue, busy }) => [queue, busy]));
}
