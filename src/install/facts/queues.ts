// Reads the facts of queues: which exist, how they are ticked, where they begin and end, which consumers they have.
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import type { Dialect } from '../../queue/dialect.ts';
import type { PgqSchema } from '../../queue/provider.ts';

export interface QueueFact {
  readonly name: string;
  readonly isExternal: boolean;
  readonly isPaused: boolean;
  readonly insertsDisabled: boolean;
  readonly tickerMaxCount: number;
  /** The unquoted name of the parent of its event tables. */
  readonly table: string;
  readonly oldestTick: number | undefined;
  /** When it was made, by its server's clock. */
  readonly oldestTickMs?: number | undefined;
  readonly newestTick: number | undefined;
  readonly newestTickAgeSeconds: number | undefined;
  /** Ticks of the last three minutes: one or two may come from an install, more come from a ticker. */
  readonly recentTicks: number;
  /** A tick of the last ten minutes whose snapshot is older than that of the one before: two tickers were at work. */
  readonly outOfOrderTick: number | undefined;
  /** The newest tick is ahead of this server's transaction ids: a restore into a younger cluster. */
  readonly isFromTheFuture: boolean;
  readonly consumers: ReadonlyMap<string, ConsumerFact>;
}

export interface ConsumerFact {
  readonly lastTick: number | undefined;
  readonly tickExists: boolean;
  readonly hasOpenBatch: boolean;
}

export interface QueueFacts {
  /** Names of all queues, for naming the nearest one. */
  readonly all: readonly string[];
  /** Of the queues asked for, those that exist. */
  readonly wanted: ReadonlyMap<string, QueueFact>;
}

interface QueueRow {
  queue_name: string;
  wanted: boolean;
  external: boolean;
  paused: boolean;
  disabled: boolean;
  max_count: number;
  data_pfx: string;
  oldest: number | null;
  oldest_ms: number | null;
  newest: number | null;
  age_seconds: number | null;
  recent: number | null;
  out_of_order: number | null;
  future: boolean | null;
  consumers: Record<string, { tick: number | null; exists: boolean; open: boolean }> | null;
}

/** One message. */
export async function readQueueFacts(
  connection: Connection,
  options: { readonly schema: PgqSchema; readonly dialect: Dialect; readonly queues: readonly string[] },
): Promise<QueueFacts> {
  const { queues } = options;
  const names = queues.length === 0 ? 'null' : queues.map(literal).join(', ');
  const [rows = []] = await connection.script(queuesSql({ ...options, names }));
  const wanted = (rows as unknown as QueueRow[]).filter((row) => row.wanted);
  return {
    all: rows.map((row) => String(row.queue_name)),
    wanted: new Map(wanted.map((row) => [row.queue_name, factOf(row)])),
  };
}

export interface CountOptions {
  readonly schema: PgqSchema;
  readonly dialect: Dialect;
  readonly queue: QueueFact;
  readonly limit: number;
}

/** How many events a queue holds from its oldest tick on, counted up to `limit` + 1. */
export async function countWaiting(
  connection: Connection,
  { schema, dialect, queue, limit }: CountOptions,
): Promise<number> {
  const [row] = await connection.query<{ waiting: number }>(
    `select count(*) as waiting from (
       select 1 from ${queue.table} e
       left join ${schema}.queue q on q.queue_name = $1
       left join lateral (select tick_snapshot as s from ${schema}.tick where tick_queue = q.queue_id
                          order by tick_id limit 1) o on true
       where e.ev_owner is null and (o.s is null or not ${dialect.visible}(e.ev_txid, o.s))
       limit ${limit + 1}) some_of_them`,
    [queue.name],
  );
  return row?.waiting ?? 0;
}

function factOf(row: QueueRow): QueueFact {
  return {
    name: row.queue_name,
    isExternal: row.external,
    isPaused: row.paused,
    insertsDisabled: row.disabled,
    tickerMaxCount: row.max_count,
    table: row.data_pfx,
    oldestTick: row.oldest ?? undefined,
    oldestTickMs: row.oldest_ms ?? undefined,
    newestTick: row.newest ?? undefined,
    newestTickAgeSeconds: row.age_seconds ?? undefined,
    recentTicks: row.recent ?? 0,
    outOfOrderTick: row.out_of_order ?? undefined,
    isFromTheFuture: row.future === true,
    consumers: new Map(
      Object.entries(row.consumers ?? {}).map(([name, { tick, exists, open }]) => [
        name,
        { lastTick: tick ?? undefined, tickExists: exists, hasOpenBatch: open },
      ]),
    ),
  };
}

const queuesSql = ({
  schema,
  dialect: { xmax, current_snapshot },
  names,
}: {
  schema: PgqSchema;
  dialect: Dialect;
  names: string;
}): string => `
select q.queue_name, q.queue_name in (${names}) as wanted, q.queue_external_ticker as external,
    q.queue_ticker_paused as paused, q.queue_disable_insert as disabled, q.queue_ticker_max_count as max_count,
    q.queue_data_pfx as data_pfx, o.oldest, o.oldest_ms, n.tick_id as newest,
    extract(epoch from clock_timestamp() - n.tick_time)::float8 as age_seconds,
    ${xmax}(n.tick_snapshot) > ${xmax}(${current_snapshot}()) as future,
    x.recent::int, x.out_of_order, c.consumers
from ${schema}.queue q
left join lateral (
    select t.tick_id as oldest, extract(epoch from t.tick_time)::float8 * 1000 as oldest_ms from ${schema}.tick t
    where t.tick_queue = q.queue_id and q.queue_name in (${names}) order by t.tick_id limit 1) o on true
left join lateral (
    select t.* from ${schema}.tick t
    where t.tick_queue = q.queue_id and q.queue_name in (${names}) order by t.tick_id desc limit 1) n on true
left join lateral (
    select count(*) filter (where h.tick_time > clock_timestamp() - interval '3 minutes') as recent,
        max(h.tick_id) filter (where h.tick_time > clock_timestamp() - interval '10 minutes'
            and ${xmax}(h.tick_snapshot) < h.before_xmax) as out_of_order
    from (select l.tick_id, l.tick_time, l.tick_snapshot,
              lag(${xmax}(l.tick_snapshot)) over (order by l.tick_id) as before_xmax
          from (select t.* from ${schema}.tick t where t.tick_queue = n.tick_queue
                order by t.tick_id desc limit 1000) l) h) x on n.tick_id is not null
left join lateral (
    select jsonb_object_agg(k.co_name, jsonb_build_object('tick', s.sub_last_tick, 'open', s.sub_batch is not null,
            'exists', exists (select from ${schema}.tick t where t.tick_queue = q.queue_id and t.tick_id = s.sub_last_tick)))
        as consumers
    from ${schema}.subscription s join ${schema}.consumer k on k.co_id = s.sub_consumer
    where s.sub_queue = q.queue_id and q.queue_name in (${names})) c on true
order by q.queue_name`;
