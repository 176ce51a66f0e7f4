// How many workers have a batch at hand.
import type { Connection } from '../postgres/connection.ts';

/** By what is worked, `orders` or `orders/billing`; one without is absent. @param group the installation's group without a name. */
export async function busyWorkers(
  central: Connection,
  group: string,
  timeoutMs: number,
): Promise<ReadonlyMap<string, number>> {
  // Batches of ours have numbers beyond those of PgQ's own: tributary.coop_token begins there.
  const rows = await central.query<{ queue: string; busy: number }>(
    `select q.queue_name || case when starts_with(c.co_name, $1 || '/')
            then '/' || split_part(substr(c.co_name, length($1) + 2), '.', 1) else '' end as queue, count(*)::int as busy
     from pgq.subscription s join pgq.queue q on q.queue_id = s.sub_queue join pgq.consumer c on c.co_id = s.sub_consumer
     where s.sub_batch >= 1000000000000000 group by 1`,
    [group],
    { timeoutMs },
  );
  return new Map(rows.map(({ queue, busy }) => [queue, busy]));
}
