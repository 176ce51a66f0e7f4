// Small windows read by the round itself: no COPY, no further message. Pure but for the text of SQL.
//
// The rows come as the records that the server sends of itself, so field text is not decoded here either.
import { CENTRAL_COLUMNS } from '../central/columns.ts';
import type { Row } from '../postgres/connection.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';
import { originSql, takenSql } from './copy-out.ts';
import type { QueueOnShard } from './queue-on-shard.ts';
import type { Tick } from './ticks.ts';
import type { Reading } from './window.ts';

/** The events of a window, as the round read them. */
export interface InlineRows {
  readonly start: InlineTick;
  readonly end: InlineTick;
  readonly count: number;
  /** One after another: int32 field count, then per field int32 type, int32 length and bytes; the COPY's two columns first. */
  readonly records: Buffer;
}

interface InlineTick {
  readonly id: number;
  readonly timeUs: number;
  readonly snapshot: string;
}

const READ = sqlFile('shard', 'round', 'read.sql');
/** More events, by sequence or by number, are read by COPY, which is cheaper for them. */
const MOST_ROWS = 200;
/** Larger events are, too: what the server collects for one answer stays small. */
const MOST_BYTES = 2_000;
/** Transaction ids of the server; windows with a transaction that stayed open across more than this are left to COPY. */
const NEARBY = 10_000;

/** Expressions of the file may raise on a single event, which must not fail the whole round. */
function canReadInline({ where, deliverAt, columns, routing }: Reading): boolean {
  const hasNone = where === undefined && deliverAt === undefined && Object.keys(columns).length === 0;
  return hasNone && routing === undefined;
}

/** @returns undefined where no queue can be read in that way. */
export function inlineReadSql(
  queues: readonly { readonly queue: QueueOnShard; readonly reading: Reading }[],
  { schema, request }: { schema: string; request: string },
): string | undefined {
  const readable = queues.filter(({ reading }) => canReadInline(reading));
  const [first] = readable;
  if (first === undefined) return undefined;
  const ids = readable.map(({ queue }) => queue.queueId).join(', ');
  const arms = readable.map(arm).join('\nunion all\n');
  const columns = CENTRAL_COLUMNS.replaceAll('ev_', 'w.ev_');
  const limits = { rows: String(MOST_ROWS), bytes: String(MOST_BYTES), nearby: String(NEARBY) };
  return fill(READ, { ...first.queue.dialect, schema, request, ids, arms, columns, ...limits });
}

/** @returns undefined where the window is not small after all. */
export function toInlineRows(row: Row): InlineRows | undefined {
  const { count, fits, records } = row as { count: number; fits: boolean | null; records: Buffer | null };
  if (count > MOST_ROWS || fits === false) return undefined;
  return {
    start: tickOf(row.start_id, row.start_us, row.start_snapshot),
    end: tickOf(row.end_id, row.end_us, row.end_snapshot),
    count,
    records: records ?? Buffer.alloc(0),
  };
}

/** Whether these are the events of just this window. */
export function isOfWindow(rows: InlineRows, start: Tick, end: Tick): boolean {
  return isTick(rows.start, start) && isTick(rows.end, end);
}

function isTick(found: InlineTick, tick: Tick): boolean {
  return found.id === tick.id && found.timeUs === tick.timeUs && found.snapshot === tick.snapshot;
}

function tickOf(id: unknown, timeUs: unknown, snapshot: unknown): InlineTick {
  return { id: id as number, timeUs: timeUs as number, snapshot: snapshot as string };
}

function arm({ queue, reading }: { queue: QueueOnShard; reading: Reading }): string {
  const texts = ['ev_type', 'ev_data', 'ev_extra1', 'ev_extra2', 'ev_extra3', 'ev_extra4'];
  const { xmax, visible } = queue.dialect;
  const size = texts.map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ');
  return `select ${takenSql(reading)} as taken, ${size} as size, ev_id, ev_time, ev_type, ev_data,
    ${originSql(reading)}, ev_txid, tableoid as table_id, ctid as row_id
    from ${queue.eventTable}
    where r.id = ${queue.queueId} and ev_owner is null
      and ev_txid >= b.low and ev_txid < ${xmax}(e.tick_snapshot)
      and ${visible}(ev_txid, e.tick_snapshot)
      and not ${visible}(ev_txid, s.tick_snapshot)`;
}
