// The producer's queries of PgQ: inserting events, in transactions of our own.
import type { Connection } from '../postgres/connection.ts';
import type { QueueOptions } from './queues.ts';

/** An event that does not exist yet; absent columns are null. */
export interface NewEvent {
  readonly type?: string | null;
  readonly data?: string | null;
  readonly extra1?: string | null;
  readonly extra2?: string | null;
  readonly extra3?: string | null;
  readonly extra4?: string | null;
}

const COLUMNS = ['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;

/**
 * All of them in one transaction, in this order.
 * @returns their ids.
 */
export async function insertEvents(
  connection: Connection,
  queue: string,
  { events, schema = 'pgq' }: QueueOptions & { readonly events: readonly NewEvent[] },
): Promise<number[]> {
  // The transaction has its id before PgQ chooses a table: otherwise a rotation in between could lose the events.
  await connection.script('begin isolation level read committed; select txid_current()');
  try {
    const rows = await connection.query<{ id: number }>(
      `select ${schema}.insert_event($1, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4) as id
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) with ordinality
              as e (type, data, extra1, extra2, extra3, extra4, place)
        order by e.place`,
      [queue, ...COLUMNS.map((column) => events.map((event) => event[column] ?? null))],
    );
    await connection.script('commit');
    return rows.map(({ id }) => id);
  } catch (error) {
    if (!connection.failed) await connection.script('rollback').catch(() => {});
    throw error;
  }
}

/** The queues of a database, for messages that name the nearest one. */
export async function queueNames(
  connection: Connection,
  { schema = 'pgq' }: QueueOptions = {},
): Promise<string[]> {
  const rows = await connection.query<{ queue_name: string }>(
    `select queue_name from ${schema}.get_queue_info() order by 1`,
  );
  return rows.map(({ queue_name }) => queue_name);
}
