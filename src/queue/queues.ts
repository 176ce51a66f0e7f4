// Queries of PgQ's queue administration. Each call is one function of PgQ; the `…Sql` forms are the same call as text, for
// scripts of several statements in one message and for `install --dry-run`.
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

export const createQueueSql = (queue: string, { schema = 'pgq' }: QueueOptions = {}): string =>
  `select ${schema}.create_queue(${literal(queue)})`;

export const setQueueConfigSql = (
  queue: string,
  parameter: QueueParameter,
  { value, schema = 'pgq' }: QueueOptions & { readonly value: string },
): string => `select ${schema}.set_queue_config(${literal(queue)}, ${literal(parameter)}, ${literal(value)})`;
