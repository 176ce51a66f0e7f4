// The COPY that reads windows straight from the event tables, by the two ticks' snapshots.
//
// Each row starts with two columns for us, queue number and event id; the rest is what central stores. The statement's
// text is the same for every window of the same queues: bounds and snapshots travel by set_config in the transaction
// before it, or each COPY would be a new row in pg_stat_statements.
import type { Readable } from 'node:stream';
import { CENTRAL_COLUMNS, DELAYED_COLUMNS } from '../central/columns.ts';
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { DESTINATION_SQL, fromSql, perRoute } from './routes.ts';
import { parseSnapshot, type TxidBounds, txidBounds } from './snapshot.ts';
import { bracketed, isDelayingReading, type Reading, type Window } from './window.ts';

/** Added to the queue number of a row whose origin column has a value of the event's own. */
export const ORIGIN_TAKEN = 0x10000;

/** A window and how it is read; those of queues that say `deliver_at` or `unique` are never read together with others. */
export interface Reader {
  readonly window: Window;
  readonly reading: Reading;
}

const EXTRAS = ['extra1', 'extra2', 'extra3', 'extra4'] as const;

/**
 * Opens a transaction, hands over the windows and starts the COPY. The caller reads the stream to its end and then calls
 * `endCopyOut`; rows come by queue number (index in `readers`), then in event order. `isAsStored`: texts come in the
 * shard's own encoding, also where they have no form in ours.
 */
export async function startCopyOut(
  shard: Connection,
  readers: readonly Reader[],
  { isAsStored = false }: { readonly isAsStored?: boolean } = {},
): Promise<Readable> {
  const bounds = readers.map(({ window }) => boundsOf(window));
  const settings = readers.flatMap(({ window }, k) => {
    const bound = bounds[k] as (typeof bounds)[number];
    return [
      setting(`w${k}_start`, window.start.snapshot),
      setting(`w${k}_end`, window.end.snapshot),
      setting(`w${k}_low`, String(bound.low)),
      setting(`w${k}_high`, String(bound.high)),
      ...(bound.late.length > 0 ? [setting(`w${k}_late`, `{${bound.late.join(',')}}`)] : []),
      ...(window.isThorough === true ? [setting(`w${k}_seq`, String(window.start.eventSeq))] : []),
      ...(window.afterEventId === undefined ? [] : [setting(`w${k}_after`, String(window.afterEventId))]),
    ];
  });
  // A shard of SQL_ASCII would not send a window that has bytes in it which are no UTF-8. Central refuses them too, but event by
  // event: then they are dead events.
  await shard.script(`begin isolation level read committed;
    select ${SETTINGS.map(([name, value]) => `set_config('${name}', '${value}', true)`).join(', ')},
      set_config('client_encoding', case when ${isAsStored} or getdatabaseencoding() = 'SQL_ASCII'
        then getdatabaseencoding()::text else current_setting('client_encoding') end, true);
    select ${settings.join(', ')}`);
  const arms = readers.flatMap((reader, k) => {
    const isLate = (bounds[k] as (typeof bounds)[number]).late.length > 0;
    return isLate ? [arm(reader, k, 'range'), arm(reader, k, 'late')] : [arm(reader, k, 'range')];
  });
  const due = readers.some(isDelaying) ? `${DELAYED_COLUMNS}, ` : '';
  const copies = readers.some(({ reading }) => reading.routing !== undefined) ? ', taken' : '';
  return shard.copyOut(`copy (select k + taken, ev_id, ${due}${CENTRAL_COLUMNS} from (${arms.join('\nunion all\n')}) e
    order by k, ev_id, ev_txid, table_id, row_id${copies}) to stdout (format binary)`);
}

export const isDelaying = ({ reading }: Reader): boolean => isDelayingReading(reading);

export async function endCopyOut(shard: Connection): Promise<void> {
  await shard.script('commit');
}

/** For this transaction: never-analysed event tables make the planner prefer a whole read, jit and workers for 250 rows. */
const SETTINGS = [
  ['statement_timeout', '0'],
  ['jit', 'off'],
  ['max_parallel_workers_per_gather', '0'],
  ['enable_seqscan', 'off'],
  ['enable_bitmapscan', 'off'],
  ['work_mem', '32MB'],
  // A mover that is frozen keeps its connection open and would hold back rotation and vacuum: the first setting ends a COPY
  // that is not read, the second a transaction that was read and not ended.
  ['tcp_user_timeout', '30s'],
  ['idle_in_transaction_session_timeout', '30s'],
] as const;

function boundsOf({ start, end, isThorough }: Window): TxidBounds {
  const last = parseSnapshot(end.snapshot);
  if (isThorough === true) return { low: 0n, high: last.xmax - 1n, late: [] };
  return txidBounds(parseSnapshot(start.snapshot), last);
}

function setting(name: string, value: string): string {
  return `set_config('tributary.${name}', ${literal(value)}, true)`;
}

/** One queue's rows: those of transactions in the range, or the late ones below it. */
function arm({ window, reading }: Reader, k: number, which: 'range' | 'late'): string {
  // Each in a sub-select of its own: read once, not parsed again for every row.
  const { xid, snapshot, visible } = window.queue.dialect;
  const value = (name: string, type: string) =>
    `(select current_setting('tributary.w${k}_${name}')::${type})`;
  const conditions = [
    'ev_owner is null',
    which === 'range'
      ? `ev_txid between ${value('low', xid)} and ${value('high', xid)}`
      : // Cast outside: any ((select …)) alone would compare with each row of the select.
        `ev_txid = any (${value('late', `${xid}[]`)}::${xid}[])`,
    `${visible}(ev_txid, ${value('end', snapshot)})`,
    window.isThorough === true
      ? `(ev_id > ${value('seq', 'bigint')} or not ${visible}(ev_txid, ${value('start', snapshot)}))`
      : `not ${visible}(ev_txid, ${value('start', snapshot)})`,
    ...(window.afterEventId === undefined ? [] : [`ev_id > ${value('after', 'bigint')}`]),
    ...(reading.where === undefined ? [] : [bracketed(reading.where)]),
  ];
  const column = (name: keyof Reading['columns']) => perRoute(reading, (one) => columnSql(one, name));
  return `select ${k}::int4 as k, ${takenSql(reading)} as taken, ev_id, ev_time, ${column('type')} as ev_type,
    ${column('data')} as ev_data, ${originSql(reading)},${dueSql(reading)}
    ev_txid, tableoid as table_id, ctid as row_id
    from ${fromSql(window.queue.eventTable, reading.routing)} where ${conditions.join(' and ')}`;
}

function dueSql(reading: Reading): string {
  if (!isDelayingReading(reading)) return '';
  return ` ${perRoute(reading, dueAtSql)} as due_at, ${perRoute(reading, keySql)} as unique_key,`;
}

const keySql = ({ uniqueKey }: Reading): string =>
  uniqueKey === undefined ? 'null::text' : `md5(${bracketed(uniqueKey)}::text)`;

/** Central's slices have no place for infinity, nor for times before its calendar. */
function dueAtSql({ deliverAt }: Reading): string {
  if (deliverAt === undefined) return 'null::timestamptz';
  const due = `${bracketed(deliverAt)}::timestamptz`;
  const [first, last] = ["timestamptz '2000-01-01 UTC'", "timestamptz '9999-01-01 UTC'"];
  // Of null they would make one of the two.
  return `case when ${due} is not null then least(greatest(${due}, ${first}), ${last}) end`;
}

function columnSql(reading: Reading, name: keyof Reading['columns']): string {
  const { origin, shard, queue } = reading;
  const own = ownSql(reading, name);
  if (name !== origin) return own;
  return `case when ${own} is null or ${readsAsOriginSql(own)} then ${literal(`${shard}:${queue}:`)} || ev_id else ${own} end`;
}

function ownSql({ columns, hasTransactionIds }: Reading, name: keyof Reading['columns']): string {
  if (columns[name] !== undefined) return `${bracketed(columns[name])}::text`;
  return name === 'extra3' && hasTransactionIds ? 'coalesce(ev_extra3, ev_txid::text)' : `ev_${name}`;
}

/**
 * Producers may write anything into the column, and handlers must not take it for an origin. True for every text that
 * parseOrigin accepts; only its end is examined, for it may be large.
 */
const readsAsOriginSql = (text: string): string =>
  `(${text} like '_%:_%:%' and right(${text}, 1000) ~ '(^|:)[0-9]+>?$')`;

/** The extra columns, with the origin in one of them. */
export function originSql(reading: Reading): string {
  return EXTRAS.map((name) => `${perRoute(reading, (one) => columnSql(one, name))} as ev_${name}`).join(', ');
}

/** What is added to the queue's number: where the origin's column was taken, and where the event goes. */
export function takenSql(reading: Reading): string {
  if (reading.routing === undefined) return ownTakenSql(reading);
  return `${DESTINATION_SQL} + coalesce(${perRoute(reading, ownTakenSql)}, 0)`;
}

function ownTakenSql(reading: Reading): string {
  const { origin } = reading;
  if (origin === 'none') return '0';
  return `case when ${ownSql(reading, origin)} is null then 0 else ${ORIGIN_TAKEN} end`;
}
