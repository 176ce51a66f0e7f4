// What the contract tests say over and over: a queue that ticks at once, a tick, a batch and its events.
import type { Connection } from '../../src/postgres/connection.ts';
import { until } from '../support/until.ts';

/** A TestDatabase or a Connection. */
export interface Queryable {
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

export interface GivenQueueOptions {
  readonly consumers?: readonly string[];
}

/** A queue whose every ticker call ticks, and its consumers, registered at its first tick. */
export async function givenQueue(db: Queryable, name: string, { consumers = [] }: GivenQueueOptions = {}) {
  await db.query('select pgq.create_queue($1)', [name]);
  await db.query(
    "update pgq.queue set queue_ticker_max_lag = '0', queue_ticker_idle_period = '0' where queue_name = $1",
    [name],
  );
  for (const consumer of consumers) await db.query('select pgq.register_consumer($1, $2)', [name, consumer]);
}

/** First column of the first row. */
export async function scalar<T = unknown>(
  db: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<T> {
  const [row] = await db.query(text, values);
  return Object.values(row ?? {})[0] as T;
}

export const insert = (db: Queryable, queue: string, data: string | null) =>
  scalar<number>(db, 'select pgq.insert_event($1, $2, $3)', [queue, 'test', data]);

/** Of a queue made by givenQueue: always a new tick. */
export const tick = (db: Queryable, queue: string) =>
  scalar<number | null>(db, 'select pgq.ticker($1)', [queue]);

export const nextBatch = (db: Queryable, queue: string, consumer: string) =>
  scalar<number | null>(db, 'select pgq.next_batch($1, $2)', [queue, consumer]);

export const finish = (db: Queryable, batch: number | null) =>
  scalar<number>(db, 'select pgq.finish_batch($1)', [batch]);

export interface Event {
  readonly ev_id: number;
  readonly ev_time: Date;
  readonly ev_txid: number;
  readonly ev_retry: number | null;
  readonly ev_type: string | null;
  readonly ev_data: string | null;
  readonly ev_extra1: string | null;
  readonly ev_extra2: string | null;
  readonly ev_extra3: string | null;
  readonly ev_extra4: string | null;
}

export const eventsOf = (db: Queryable, batch: number | null) =>
  db.query<Event>('select * from pgq.get_batch_events($1)', [batch]);

export const dataOf = (events: readonly Event[]) => events.map((event) => event.ev_data);

/** Opens, reads and finishes the consumer's next batch; the payloads in order, null if there is no batch. */
export async function consume(db: Queryable, queue: string, consumer: string) {
  const batch = await nextBatch(db, queue, consumer);
  if (batch === null) return null;
  const data = dataOf(await eventsOf(db, batch));
  await finish(db, batch);
  return data;
}

/** Consumes until there is no batch; all payloads in the order of delivery. */
export async function consumeAll(db: Queryable, queue: string, consumer: string) {
  const all: (string | null)[] = [];
  for (;;) {
    const data = await consume(db, queue, consumer);
    if (data === null) return all;
    all.push(...data);
  }
}

/** Both steps, whatever the rotation period; true if the table was switched. */
export async function rotate(db: Queryable, queue: string): Promise<boolean> {
  const table = 'select queue_cur_table from pgq.queue where queue_name = $1';
  const before = await scalar<number>(db, table, [queue]);
  await db.query("update pgq.queue set queue_rotation_period = '0' where queue_name = $1", [queue]);
  await db.query('select pgq.maint_rotate_tables_step1($1)', [queue]);
  await db.query('select pgq.maint_rotate_tables_step2()');
  return (await scalar<number>(db, table, [queue])) !== before;
}

/**
 * Ticks, lets the consumers pass everything and rotates; what the first of them got. Tries again until the table is
 * switched: any transaction of another test file, open at the tick, holds the rotation.
 */
export async function rotateWhenPassed(db: Queryable, queue: string, consumers: readonly string[] = ['c']) {
  const got: (string | null)[] = [];
  await until(
    async () => {
      await tick(db, queue);
      for (const [n, consumer] of consumers.entries()) {
        const data = await consumeAll(db, queue, consumer);
        if (n === 0) got.push(...data);
      }
      return rotate(db, queue);
    },
    { what: `queue ${queue} to rotate`, timeoutMs: 40_000 },
  );
  return got;
}

/** Texts of the warnings that `act` causes on this connection. */
export async function warningsOf(connection: Connection, act: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = [];
  const listen = (notice: { severity?: string | undefined; message?: string | undefined }) => {
    if (notice.severity === 'WARNING') warnings.push(notice.message ?? '');
  };
  connection.client.on('notice', listen);
  try {
    await act();
  } finally {
    connection.client.off('notice', listen);
  }
  return warnings;
}

/** True while the backend waits for a lock. */
export async function isWaiting(db: Queryable, waiter: Connection): Promise<boolean> {
  return scalar<boolean>(
    db,
    "select exists (select 1 from pg_stat_activity where pid = $1 and wait_event_type = 'Lock')",
    [waiter.backendPid],
  );
}
