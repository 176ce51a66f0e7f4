// Finds an event in a queue of PgQ by its id, on a shard or on central. Reads only, and no longer than it is given.
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { fill, sqlFile } from '../../postgres/sql-file.ts';
import type { QueueOnShard } from '../../shards/queue-on-shard.ts';
import type { TracedPayload, TracedTick } from './shape.ts';

export interface FoundEvent {
  readonly id: number;
  readonly txid: string;
  readonly time: string;
  readonly retry: number;
  readonly type: string | null;
  readonly payload: TracedPayload;
  readonly notSeenBy: (TracedTick & { readonly eventSeq: number }) | undefined;
  readonly seenBy: TracedTick | undefined;
}

export interface EventLook {
  /** The greatest id that the queue has given out. */
  readonly lastId: number;
  /** How far back its ticks reach; undefined: there is none. */
  readonly oldest: { readonly id: number; readonly at: string } | undefined;
  /** Whether ticks from before the event are there: else it is rotated away. */
  readonly isKept: boolean;
  /** All ids up to this one were given out when the newest tick was made. */
  readonly newestId: number;
  readonly event: FoundEvent | undefined;
}

export interface FindOptions {
  readonly schema: string;
  readonly queue: QueueOnShard;
  readonly id: number;
  readonly withData: boolean;
  readonly timeoutMs: number;
}

const FIND = sqlFile('shard', 'find-event.sql');

/** Settings for the transaction of a look: it must not read whole tables for long, nor wait. */
export function lookSettings(timeoutMs: number): string {
  const settings = Object.entries({
    statement_timeout: `${timeoutMs}ms`,
    lock_timeout: '1s',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
  }).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return `select ${settings.join(', ')}`;
}

/** In a transaction that `lookSettings` began. @returns undefined where the queue is gone. */
export async function findEvent(
  connection: Connection,
  { schema, queue: { dialect, eventTable, queue }, id, withData, timeoutMs }: FindOptions,
): Promise<EventLook | undefined> {
  const text = fill(FIND, {
    ...dialect,
    ...{ schema, queue: literal(queue), event_table: eventTable },
    ...{ id: String(id), with_data: String(withData) },
  });
  const [[row] = []] = (await connection.script(text, { timeoutMs: timeoutMs * 2 })) as unknown as [
    FoundRow[],
  ];
  return row === undefined ? undefined : toLook(row);
}

interface FoundRow {
  last_id: number;
  oldest_id: number | null;
  oldest_ms: number;
  newest_id: number | null;
  is_kept: boolean;
  ev_id: number | null;
  ev_txid: string;
  ev_ms: number;
  ev_retry: number | null;
  ev_type: string | null;
  ev_data: string | null;
  ev_extra1: string | null;
  ev_extra2: string | null;
  ev_extra3: string | null;
  ev_extra4: string | null;
  seen_tick: number | null;
  seen_ms: number;
  before_tick: number | null;
  before_seq: number;
  before_ms: number;
}

function toLook(row: FoundRow): EventLook {
  return {
    lastId: row.last_id,
    oldest: row.oldest_id === null ? undefined : { id: row.oldest_id, at: iso(row.oldest_ms) },
    isKept: row.is_kept,
    newestId: row.newest_id ?? 0,
    event: row.ev_id === null ? undefined : toEvent(row, row.ev_id),
  };
}

function toEvent(row: FoundRow, id: number): FoundEvent {
  return {
    id,
    txid: row.ev_txid,
    time: iso(row.ev_ms),
    retry: row.ev_retry ?? 0,
    type: row.ev_type,
    payload: {
      data: row.ev_data,
      extra1: row.ev_extra1,
      extra2: row.ev_extra2,
      extra3: row.ev_extra3,
      extra4: row.ev_extra4,
    },
    notSeenBy:
      row.before_tick === null
        ? undefined
        : { id: row.before_tick, at: iso(row.before_ms), eventSeq: row.before_seq },
    seenBy: row.seen_tick === null ? undefined : { id: row.seen_tick, at: iso(row.seen_ms) },
  };
}

export const iso = (ms: number): string => new Date(ms).toISOString();
