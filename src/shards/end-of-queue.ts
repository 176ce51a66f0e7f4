// What is asked of a shard whose queues are to be moved to their end: ticks, events behind one, and who writes.
import type { Fingerprint } from '../central/position.ts';
import type { Connection, Row } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import type { QueueOnShard } from './queue-on-shard.ts';

/** Events are counted up to here: by an index from the tick on, never the whole table. */
export const MOST_COUNTED = 10_000;
/** The newest ticks that are compared. */
const MOST_TICKS = 10_000;

/** Where events lie of which it is asked how many there are. */
export interface Stretch {
  /** Behind this tick; undefined: from the beginning of what is there. */
  readonly from: number | undefined;
  /** Up to this one; undefined: all that is committed. */
  readonly to?: number;
}

export interface StretchCount {
  /** At most MOST_COUNTED + 1. */
  readonly count: number;
  readonly firstId: number | undefined;
}

/** @returns undefined where the queue does not have a tick that was named. */
export async function countEvents(
  shard: Connection,
  queue: QueueOnShard,
  stretch: Stretch & { readonly schema: string },
): Promise<StretchCount | undefined> {
  const row = await askStretch(shard, queue, stretch, 'count(*)::int as count, min(r.ev_id) as first');
  return row && { count: row.count as number, firstId: (row.first as number | null) ?? undefined };
}

/** What tells events apart: ids alone are given out by each server for itself. */
export interface EventMark {
  readonly id: number;
  /** Id, transaction and time. */
  readonly key: string;
}

/** The events, at most MOST_COUNTED + 1 of them; undefined as above. */
export async function eventsBehind(
  shard: Connection,
  queue: QueueOnShard,
  stretch: Stretch & { readonly schema: string },
): Promise<EventMark[] | undefined> {
  const row = await askStretch(
    shard,
    queue,
    stretch,
    `coalesce(jsonb_agg(jsonb_build_object('id', r.ev_id, 'key',
       concat_ws(' ', r.ev_id, r.ev_txid::text, (extract(epoch from r.ev_time) * 1000000)::bigint)) order by r.ev_id), '[]') as events`,
  );
  return row && (row.events as EventMark[]);
}

async function askStretch(
  shard: Connection,
  { queueId, eventTable, dialect: { xip, xmax, visible } }: QueueOnShard,
  { schema, from, to }: Stretch & { readonly schema: string },
  what: string,
): Promise<Row | undefined> {
  const upTo = to === undefined ? '' : `and ${visible}(e.ev_txid, u.tick_snapshot)`;
  const some = (where: string) =>
    `(select e.ev_id, e.ev_txid, e.ev_time from ${eventTable} e where e.ev_owner is null ${where} ${upTo} limit ${MOST_COUNTED + 1})`;
  const rows =
    from === undefined
      ? some('')
      : `${some(`and e.ev_txid = any (array(select ${xip}(s.tick_snapshot)))`)} union all ${some(`and e.ev_txid >= ${xmax}(s.tick_snapshot)`)}`;
  const tick = (name: string, id: number | undefined) =>
    id === undefined
      ? ''
      : `join ${schema}.tick ${name} on ${name}.tick_queue = ${queueId} and ${name}.tick_id = ${id}`;
  // Event tables are never analysed: without these settings the planner would read them whole. They last as long as the message,
  // or the transaction that it is in.
  const results =
    await shard.script(`select set_config(name, 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
    from unnest(array['enable_seqscan', 'enable_bitmapscan', 'jit']) name;
    select w.* from (select 1) one ${tick('s', from)} ${tick('u', to)}
    cross join lateral (
        select ${what} from (select x.* from (${rows}) x limit ${MOST_COUNTED + 1}) r) w`);
  return results.at(-1)?.[0];
}

/** Fingerprints of the newest ticks, the newest first. */
export async function newestTicks(
  shard: Connection,
  { queueId }: QueueOnShard,
  { schema, most = MOST_TICKS }: { readonly schema: string; readonly most?: number },
): Promise<Fingerprint[]> {
  const rows = await shard.query<{ id: number; time_us: number; event_seq: number; md5: string }>(
    `select tick_id as id, (extract(epoch from tick_time) * 1000000)::bigint as time_us, tick_event_seq as event_seq,
         md5(tick_snapshot::text) as md5
     from ${schema}.tick where tick_queue = $1 order by tick_id desc limit $2`,
    [queueId, most],
  );
  return rows.map(({ id, time_us, event_seq, md5 }) => ({ id, timeUs: time_us, eventSeq: event_seq, md5 }));
}

/** Ticks a queue now, under the lock that all of our tickers take: everything that is committed is covered then. */
export async function tickQueue(shard: Connection, queue: string, schema: string): Promise<void> {
  const where = `from ${schema}.queue where queue_name = ${literal(queue)}`;
  // Three statements: each sees the effects of the one before.
  await shard.script(
    `begin; select ${where} for no key update; select nextval(queue_event_seq::regclass) ${where};
     select ${schema}.ticker(queue_name) ${where} and not queue_external_ticker and not queue_ticker_paused; commit`,
  );
}

/**
 * Keeps all writers away from the queues until the transaction ends: it waits for those that have written, and later ones
 * wait for us. @throws lock_not_available after `timeoutMs`.
 */
export async function lockOutWriters(
  shard: Connection,
  queues: readonly QueueOnShard[],
  { schema, timeoutMs }: { readonly schema: string; readonly timeoutMs: number },
): Promise<void> {
  const tables = await shard.query<{ name: string }>(
    `select q.queue_data_pfx || '_' || n as name from ${schema}.queue q, generate_series(0, q.queue_ntables - 1) n
     where q.queue_id = any ($1) order by q.queue_name, n`,
    [queues.map(({ queueId }) => queueId)],
  );
  await shard.script(
    `begin isolation level read committed; set local lock_timeout = ${timeoutMs};
     set local idle_in_transaction_session_timeout = '30s';
     ${tables.map(({ name }) => `lock table ${name} in share mode`).join('; ')}`,
  );
}

/** Whether somebody waits to write into the queues that this transaction keeps writers away from. */
export async function doWritersWait(shard: Connection): Promise<boolean> {
  const [row] = await shard.query<{ waits: boolean }>(
    `select exists (
       select from pg_locks w join pg_locks h on h.relation = w.relation and h.database = w.database
       where w.locktype = 'relation' and not w.granted and w.mode = 'RowExclusiveLock'
         and h.pid = pg_backend_pid() and h.granted and h.mode = 'ShareLock') as waits`,
  );
  return row?.waits === true;
}

/** Of these queues those that our consumer is registered on. */
export async function registeredQueues(
  shard: Connection,
  queues: readonly string[],
  { schema, consumer }: { readonly schema: string; readonly consumer: string },
): Promise<string[]> {
  const rows = await shard.query<{ queue: string }>(
    `select q.queue_name as queue from ${schema}.queue q
     join ${schema}.subscription s on s.sub_queue = q.queue_id
     join ${schema}.consumer c on c.co_id = s.sub_consumer
     where c.co_name = $1 and q.queue_name = any ($2) order by 1`,
    [consumer, queues],
  );
  return rows.map(({ queue }) => queue);
}

/** Ends our registrations: rotation does not wait for us any more. */
export const unregisterSql = (
  queues: readonly string[],
  { schema, consumer }: { readonly schema: string; readonly consumer: string },
): string =>
  queues
    .map((queue) => `select ${schema}.unregister_consumer(${literal(queue)}, ${literal(consumer)})`)
    .join('; ');
