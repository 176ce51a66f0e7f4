// Queries of PgQ's subscriptions: a consumer's registration, where it stands, its end.
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import type { QueueOptions } from './queues.ts';

export interface ConsumerInfo {
  readonly queue: string;
  readonly consumer: string;
  /** The tick it stands at; undefined for an idle member of a cooperative group. */
  readonly lastTick: number | undefined;
  /** Its open batch, if any. */
  readonly batch: number | undefined;
  /** Seconds between the tick it stands at and now. */
  readonly lagSeconds: number | undefined;
}

export const registerConsumerSql = (
  queue: string,
  consumer: string,
  { schema = 'pgq' }: QueueOptions = {},
): string => `select ${schema}.register_consumer(${literal(queue)}, ${literal(consumer)})`;

/** At the newest tick. @returns whether it is new; an existing one is left where it stands. */
export async function registerConsumer(
  connection: Connection,
  queue: string,
  options: QueueOptions & { readonly consumer: string },
): Promise<boolean> {
  const [row] = await connection.query<{ register_consumer: number }>(
    registerConsumerSql(queue, options.consumer, options),
  );
  return row?.register_consumer === 1;
}

/** @param options.tickSql an SQL expression for the tick; PgQ refuses one that does not exist, and takes NULL for the newest. */
export const registerConsumerAtSql = (
  queue: string,
  consumer: string,
  { tickSql, schema = 'pgq' }: QueueOptions & { readonly tickSql: string },
): string => `select ${schema}.register_consumer_at(${literal(queue)}, ${literal(consumer)}, ${tickSql})`;

/** Registers at a tick, or moves an existing registration there and drops its open batch. @returns whether it is new. */
export async function registerConsumerAt(
  connection: Connection,
  queue: string,
  { consumer, tickId, schema = 'pgq' }: QueueOptions & { readonly consumer: string; readonly tickId: number },
): Promise<boolean> {
  const [row] = await connection.query<{ register_consumer_at: number }>(
    `select ${schema}.register_consumer_at($1, $2, $3)`,
    [queue, consumer, tickId],
  );
  return row?.register_consumer_at === 1;
}

/** @returns how many registrations went; 0 where there was none. A group's main takes its members with it. */
export async function unregisterConsumer(
  connection: Connection,
  queue: string,
  { consumer, schema = 'pgq' }: QueueOptions & { readonly consumer: string },
): Promise<number> {
  const [row] = await connection.query<{ unregister_consumer: number }>(
    `select ${schema}.unregister_consumer($1, $2)`,
    [queue, consumer],
  );
  return row?.unregister_consumer ?? 0;
}

/** All consumers of a queue. */
export async function consumersOf(
  connection: Connection,
  queue: string,
  { schema = 'pgq' }: QueueOptions = {},
): Promise<ConsumerInfo[]> {
  const rows = await connection.query<{
    queue_name: string;
    consumer_name: string;
    last_tick: number | null;
    current_batch: number | null;
    lag_seconds: number | null;
  }>(
    `select queue_name, consumer_name, last_tick, current_batch, extract(epoch from lag)::float8 as lag_seconds
       from ${schema}.get_consumer_info($1)`,
    [queue],
  );
  return rows.map((row) => ({
    queue: row.queue_name,
    consumer: row.consumer_name,
    lastTick: row.last_tick ?? undefined,
    batch: row.current_batch ?? undefined,
    lagSeconds: row.lag_seconds ?? undefined,
  }));
}
