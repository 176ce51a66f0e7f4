// What central knows of delayed events: those that wait for their time, that have gone into their queue, or were cancelled.
import type { OriginColumn } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { iso } from './find-event.ts';
import type { Verdict } from './judge.ts';

export interface DelayedTrace {
  readonly id: number;
  readonly type: string | null;
  /** The transaction that brought it to central. */
  readonly transaction: string;
  readonly due: string;
  readonly fate: 'waits' | 'gone' | 'cancelled' | 'left-out';
  /** Of one that has gone, the transaction that put it into its queue; undefined: not kept any more. */
  readonly delivery: string | undefined;
  /** When it was cancelled, or left out for its key. */
  readonly endedAt: string | undefined;
  readonly cancelledBy: string | undefined;
}

export interface DelayedWanted {
  readonly queue: string;
  readonly column: Exclude<OriginColumn, 'none'>;
  readonly origins: readonly string[];
  /** Those that may have brought it to central. */
  readonly transactions: readonly string[];
  readonly most: number;
}

interface DelayedRow {
  id: number;
  txid: number;
  type: string | null;
  due_ms: number;
  is_gone: boolean;
  delivery: number | null;
  is_left: boolean;
  ended_ms: number | null;
  cancelled_by: string | null;
}

/** As far as their tables have not been cleared. */
export async function readDelayed(
  central: Connection,
  { queue, column, origins, transactions, most }: DelayedWanted,
): Promise<DelayedTrace[]> {
  if (transactions.length === 0) return [];
  const rows = await central.query<DelayedRow>(
    `select w.*, left(w.ev_type, 1000) as type from (
       select d.id, d.txid, d.ev_type, extract(epoch from d.due_at)::float8 * 1000 as due_ms,
         f.is_gone, f.delivery,
         false as is_left, null::float8 as ended_ms, null as cancelled_by
       from tributary.delayed d cross join lateral tributary.delayed_fate($1, d.due_at, d.id, d.txid) f
       where d.txid = any ($2::bigint[]) and d.central_queue = $1 and d.due_at is not null and d.ev_${column} = any ($3)
         and not exists (select from tributary.unique_left u where u.txid = d.txid and u.id = d.id)
       union all
       select c.id, c.txid, c.ev_type, extract(epoch from c.due_at)::float8 * 1000, false, null, false,
         extract(epoch from c.cancelled_at)::float8 * 1000, c.cancelled_by
       from tributary.delayed_cancelled c
       where c.txid = any ($2::bigint[]) and c.central_queue = $1 and c.ev_${column} = any ($3)
       union all
       select u.id, u.txid, u.ev_type, extract(epoch from u.due_at)::float8 * 1000, true, null, true,
         extract(epoch from u.at)::float8 * 1000, null
       from tributary.unique_left u
       where u.txid = any ($2::bigint[]) and u.central_queue = $1 and u.ev_${column} = any ($3)) w
     order by w.id limit $4`,
    [queue, transactions, origins, most],
  );
  return rows.map((row) => ({
    id: row.id,
    type: row.type,
    transaction: String(row.txid),
    due: iso(row.due_ms),
    fate: row.is_left ? 'left-out' : row.ended_ms !== null ? 'cancelled' : row.is_gone ? 'gone' : 'waits',
    delivery: row.delivery === null ? undefined : String(row.delivery),
    endedAt: row.ended_ms === null ? undefined : iso(row.ended_ms),
    cancelledBy: row.cancelled_by ?? undefined,
  }));
}

/** Transactions that put delayed events into a queue since then, as far as they are kept. */
export async function readDeliveries(central: Connection, queue: string, since: string): Promise<string[]> {
  const rows = await central.query<{ xid: number }>(
    `select r.xid from tributary.delayed_run r
     where r.central_queue = $1 and r.events > 0 and r.at >= $2::timestamptz order by r.n limit 5000`,
    [queue, since],
  );
  return rows.map(({ xid }) => String(xid));
}

/** Of one that is in no event table: it waits, or was cancelled, or has gone and is not kept. */
export function judgeDelayed(
  { id, due, fate, endedAt, cancelledBy }: DelayedTrace,
  { queue, now }: { readonly queue: string; readonly now: string },
): Verdict {
  if (fate === 'left-out')
    return {
      state: 'left-out',
      summary: `It was left out at ${endedAt}: another event with its unique key had gone into central queue ${queue} shortly before (\`unique\` of the queue).`,
    };
  if (fate === 'cancelled')
    return {
      state: 'cancelled',
      summary: `It was cancelled at ${endedAt}${cancelledBy === undefined ? '' : ` by ${cancelledBy}`}, before its time (${due}): it never went into central queue ${queue}.`,
    };
  if (fate === 'gone')
    return {
      state: 'passed',
      summary: `It waited until ${due} and went into central queue ${queue} then, which does not hold it any more.`,
    };
  const what = `as delayed event ${id} of central queue ${queue}`;
  return {
    state: 'delayed',
    summary:
      due <= now
        ? `It was to wait until ${due}, ${what}, and goes into the queue when central's upkeep next runs.`
        : `It waits until ${due}, ${what}. \`tributary delayed show ${id}\` shows it, \`tributary delayed now ${id}\` makes it due.`,
  };
}
