// Queries of PgQ's queue administration. Each call is one function of PgQ; the `…Sql` forms are the same call as text, for
// scripts of several statements in one message and for `install --dry-run`.
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import type { PgqSchema } from './provider.ts';

/** Where the functions live; PgQ's own schema unless the shard says otherwise. */
export interface QueueOptions {
  readonly schema?: PgqSchema;
}

/** The parameters that PgQ lets one set by function. */
export type QueueParameter =
  | 'external_ticker'
  | 'rotation_period'
  | 'ticker_idle_period'
  | 'ticker_max_count'
  | 'ticker_max_lag'
  | 'ticker_paused';

export interface QueueInfo {
  readonly name: string;
  readonly externalTicker: boolean;
  readonly tickerPaused: boolean;
  readonly tickerMaxCount: number;
  /** Undefined: the queue has no tick. */
  readonly lastTickId: number | undefined;
  /** Seconds since the newest tick. */
  readonly tickerLagSeconds: number | undefined;
  /** From sequences, hence an estimate. */
  readonly newEvents: number | undefined;
}

export const createQueueSql = (queue: string, { schema = 'pgq' }: QueueOptions = {}): string =>
  `select ${schema}.create_queue(${literal(queue)})`;

/** @returns whether the queue is new. A twin that creates it at the same moment makes this throw 23505. */
export async function createQueue(connection: Connection, queue: string, options: QueueOptions = {}) {
  const [row] = await connection.query<{ create_queue: number }>(createQueueSql(queue, options));
  return row?.create_queue === 1;
}

/** @param options.force also unregisters the consumers that are still attached. */
export async function dropQueue(
  connection: Connection,
  queue: string,
  { schema = 'pgq', force = false }: QueueOptions & { readonly force?: boolean } = {},
): Promise<void> {
  await connection.query(`select ${schema}.drop_queue($1, $2)`, [queue, force]);
}

export const setQueueConfigSql = (
  queue: string,
  parameter: QueueParameter,
  { value, schema = 'pgq' }: QueueOptions & { readonly value: string },
): string => `select ${schema}.set_queue_config(${literal(queue)}, ${literal(parameter)}, ${literal(value)})`;

export async function setQueueConfig(
  connection: Connection,
  queue: string,
  options: QueueOptions & { readonly parameter: QueueParameter; readonly value: string },
): Promise<void> {
  await connection.query(setQueueConfigSql(queue, options.parameter, options));
}

/** @returns undefined where the queue does not exist. */
export async function queueInfo(
  connection: Connection,
  queue: string,
  { schema = 'pgq' }: QueueOptions = {},
): Promise<QueueInfo | undefined> {
  const [row] = await connection.query<{
    queue_name: string;
    queue_external_ticker: boolean;
    queue_ticker_paused: boolean;
    queue_ticker_max_count: number;
    last_tick_id: number | null;
    lag_seconds: number | null;
    ev_new: number | null;
  }>(
    `select queue_name, queue_external_ticker, queue_ticker_paused, queue_ticker_max_count, last_tick_id,
            extract(epoch from ticker_lag)::float8 as lag_seconds, ev_new
       from ${schema}.get_queue_info($1)`,
    [queue],
  );
  if (row === undefined) return undefined;
  return {
    name: row.queue_name,
    externalTicker: row.queue_external_ticker,
    tickerPaused: row.queue_ticker_paused,
    tickerMaxCount: row.queue_ticker_max_count,
    lastTickId: row.last_tick_id ?? undefined,
    tickerLagSeconds: row.lag_seconds ?? undefined,
    newEvents: row.ev_new ?? undefined,
  };
}
