// Queries of PgQ's subscriptions: a consumer's registration, where it stands, its end.
import { literal } from '../postgres/quote.ts';
import type { QueueOptions } from './queues.ts';

/** @param options.tickSql an SQL expression for the tick; PgQ refuses one that does not exist, and takes NULL for the newest. */
export const registerConsumerAtSql = (
  queue: string,
  consumer: string,
  { tickSql, schema = 'pgq' }: QueueOptions & { readonly tickSql: string },
): string => `select ${schema}.register_consumer_at(${literal(queue)}, ${literal(consumer)}, ${tickSql})`;
