// What handlers sent on for an event: it was inserted by the transaction that settled the event, and carries its origin.
import type { Config, OriginColumn } from '../../config/config.ts';
import { originHere, parseOrigin, sentFrom } from '../../handler/origin.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { QueueOnShard } from '../../shards/queue-on-shard.ts';
import { type DelayedTrace, readDelayed } from './delayed.ts';

export interface SentEventRow {
  readonly queue: string;
  readonly id: number;
  readonly type: string | null;
  readonly origin: string;
  /** It did not go into the queue: it waits for its time, or was cancelled. */
  readonly delayed?: DelayedTrace;
}

export interface SentOptions {
  readonly config: Pick<Config, 'queues'>;
  /** The central queues that exist. */
  readonly queues: ReadonlyMap<string, QueueOnShard>;
  readonly transactions: readonly string[];
  /** Of the event that they were sent for. */
  readonly origin: string;
  readonly most: number;
}

/** In the order of the file's queues, then of ids. Queues without origins have none that could be found. */
export async function readSent(
  central: Connection,
  { config, queues, transactions, origin, most }: SentOptions,
): Promise<SentEventRow[]> {
  const from = parseOrigin(origin);
  if (from === undefined || transactions.length === 0) return [];
  const found: SentEventRow[] = [];
  for (const { name, origin: column } of config.queues) {
    const queue = queues.get(name);
    if (queue === undefined || column === 'none' || found.length >= most) continue;
    const origins = [sentFrom(from)];
    const wanted = { queue: name, column, origins, transactions, most: most - found.length };
    const delayed = await readDelayed(central, wanted);
    const deliveries = delayed.flatMap(({ delivery }) => (delivery === undefined ? [] : [delivery]));
    for (const one of delayed)
      if (one.fate !== 'gone')
        found.push({ queue: name, id: one.id, type: one.type, origin: sentFrom(from), delayed: one });
    const rows = await central.query<{ id: number; type: string | null; text: string }>(
      `select e.ev_id as id, left(e.ev_type, 1000) as type, e.ev_${column} as text from ${queue.eventTable} e
       where e.ev_txid = any ($1::bigint[]) and e.ev_owner is null and e.ev_${column} = $2
       order by e.ev_id limit $3`,
      [[...transactions, ...deliveries], sentFrom(from), Math.max(0, most - found.length)],
    );
    for (const { id, type, text } of rows)
      found.push({ queue: name, id, type, origin: originOf(name, { id, text }) });
  }
  return found;
}

/** The whole origin of a central event. @param text of its origin's column; null: it has none. */
export function originOf(
  queue: string,
  { id, text }: { readonly id: number; readonly text: string | null },
): string {
  const here = { queue, id };
  return String(parseOrigin(text, here) ?? originHere(here));
}

/** The column of a central queue's origins; undefined: it has none. */
export function originColumn(
  { queues }: Pick<Config, 'queues'>,
  queue: string,
): Exclude<OriginColumn, 'none'> | undefined {
  const column = queues.find(({ name }) => name === queue)?.origin;
  return column === undefined || column === 'none' ? undefined : column;
}
