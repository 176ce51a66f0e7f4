// Searches the newest events of central queues for a text: a key that people know, where they do not know the origin.
import type { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import { resolveQueues } from '../../shards/queue-on-shard.ts';
import { iso } from './find-event.ts';
import { centralQueueOf } from './reference.ts';
import { originColumn, originOf } from './sent.ts';
import { looking } from './trace.ts';

export interface EventFound {
  readonly queue: string;
  readonly id: number;
  readonly origin: string;
  readonly type: string | null;
  readonly time: string;
}

export interface SearchOptions {
  readonly config: Config;
  readonly central: Pick<CentralLink, 'use'>;
  /** Only this central queue. */
  readonly queue?: string | undefined;
}

/** Events of each queue that are looked at, and how many are given. */
export const SEARCHED_EVENTS = 100_000;
const MOST_FOUND = 20;

/** The newest first, of each queue. @param key a part of the data, or the whole type or one of the further fields. */
export async function searchEvents(
  key: string,
  { config, central, queue }: SearchOptions,
): Promise<EventFound[]> {
  const names = queue === undefined ? config.queues.map(({ name }) => name) : [centralQueueOf(queue, config)];
  return await looking(central, async (connection) => {
    const queues = await resolveQueues(connection, 'pgq', names);
    const found: EventFound[] = [];
    for (const [name, { eventTable }] of queues) {
      const column = originColumn(config, name);
      // In the order of the only index there is.
      const rows = await connection.query<{
        id: number;
        text: string | null;
        type: string | null;
        ms: number;
      }>(
        `select e.ev_id as id, ${column === undefined ? 'null' : `e.ev_${column}`} as text, left(e.ev_type, 1000) as type,
             extract(epoch from e.ev_time)::float8 * 1000 as ms
         from (select * from ${eventTable} order by ev_txid desc limit ${SEARCHED_EVENTS}) e
         where e.ev_owner is null
             and (strpos(e.ev_data, $1) > 0 or $1 in (e.ev_type, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4))
         limit $2`,
        [key, MOST_FOUND],
      );
      for (const { id, text, type, ms } of rows)
        found.push({ queue: name, id, origin: originOf(name, { id, text }), type, time: iso(ms) });
    }
    return found;
  });
}
