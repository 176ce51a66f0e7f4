// Queries of the dead events of central.
import type { CentralLink } from './central-link.ts';

type Central = Pick<CentralLink, 'query'>;

export type DeadKind = 'poison' | 'handler' | 'killed' | 'conflict';

/** Absent or undefined: any. */
export interface DeadFilter {
  readonly ids?: readonly number[] | undefined;
  /** A queue with all its groups, or one of these: `orders/billing`. */
  readonly queue?: string | undefined;
  /** The same, but a queue without its groups. */
  readonly work?: string | undefined;
  readonly shard?: string | undefined;
  readonly type?: string | undefined;
  /** A part of the error. */
  readonly error?: string | undefined;
  /** The error without its numbers, as `DeadGroup` has it. */
  readonly alike?: string | undefined;
  readonly olderThanMs?: number | undefined;
  readonly kind?: DeadKind | undefined;
  /** Up to this id: events that die later are not included. */
  readonly upTo?: number | undefined;
  /** Also those that were handed out again. */
  readonly withRedriven?: boolean | undefined;
}

export interface DeadEvent {
  readonly id: number;
  readonly queue: string;
  /** In which of its queue's groups it died; null: the one without a name, or central refused it. */
  readonly group: string | null;
  readonly origin: string | null;
  /** `poison`: central or the queue's expressions refused it; `handler`: its handler gave it up or failed; `killed`: it killed its workers. */
  readonly kind: DeadKind;
  readonly type: string | null;
  readonly attempts: number;
  /** ISO 8601. */
  readonly first: string;
  readonly died: string;
  /** When it was handed out again; null: it is dead. */
  readonly redriven: string | null;
  readonly sqlstate: string | null;
  readonly error: string;
}

/** A dead event with everything that is known of it. */
export interface WholeDeadEvent extends DeadEvent {
  readonly shard: string | null;
  readonly source_queue: string | null;
  readonly ev_id: number | null;
  readonly time: string | null;
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
  readonly stack: string | null;
  /** What central was to store, as PostgreSQL's COPY in binary writes it: base64. */
  readonly raw: string | null;
  /** Its whole length in bytes; `raw` may be cut. */
  readonly raw_length: number | null;
}

/** How many events a filter matches, by what they died in and kind. */
export interface DeadCount {
  /** `orders`, or `orders/billing`. */
  readonly queue: string;
  readonly kind: DeadKind;
  readonly events: number;
  /** The greatest id. */
  readonly newest: number;
  readonly has_queue: boolean;
  readonly has_group: boolean;
}

/** @returns the newest `limit` of those that match, and how many match. */
export async function listDead(
  link: Central,
  { limit, ...filter }: DeadFilter & { readonly limit: number },
): Promise<{ events: DeadEvent[]; total: number }> {
  const rows = await link.query<DeadEvent & { total: number }>('select * from tributary.dead_list($1, $2)', [
    jsonOf(filter),
    limit,
  ]);
  return { events: rows.map(({ total: _total, ...event }) => event), total: rows[0]?.total ?? 0 };
}

/** How dead events are grouped. */
export type DeadGrouping = 'error' | 'queue' | 'type';

export interface DeadSum {
  /** Null: events without a type. */
  readonly what: string | null;
  readonly queues: readonly string[];
  readonly events: number;
  /** When the first and the last of them died, ISO 8601. */
  readonly first: string;
  readonly last: string;
}

/** @returns the `limit` largest sums of those that match, and how many sums there are. */
export async function sumDead(
  link: Central,
  filter: DeadFilter,
  { by, limit }: { readonly by: DeadGrouping; readonly limit: number },
): Promise<{ sums: DeadSum[]; total: number }> {
  const rows = await link.query<DeadSum & { total: number }>(
    'select * from tributary.dead_sums($1, $2, $3)',
    [jsonOf(filter), by, limit],
  );
  return { sums: rows.map(({ total: _total, ...sum }) => sum), total: rows[0]?.total ?? 0 };
}

/** Dead events of one queue, or group of it, and kind whose errors differ in numbers only. */
export interface DeadGroup {
  readonly queue: string;
  readonly kind: DeadKind;
  readonly error: string;
  readonly count: number;
  /** When the first and the last of them died, ISO 8601. */
  readonly oldestAt: string;
  readonly newestAt: string;
  /** The newest of them. */
  readonly sampleId: number;
}

/** The largest groups among the newest `among` dead events. */
export async function groupDead(
  link: Central,
  { among, limit }: { readonly among: number; readonly limit: number },
): Promise<DeadGroup[]> {
  return await link.query<DeadGroup>(
    `select queue, kind, error, events as count, first as "oldestAt", last as "newestAt", sample as "sampleId"
     from tributary.dead_alike($1, $2)`,
    [among, limit],
  );
}

/** The queues and shards of dead events, also those that the file no longer names. */
export async function namesInDead(link: Central): Promise<{ queues: string[]; shards: string[] }> {
  const [row] = await link.query<{ queues: string[] | null; shards: string[] | null }>(
    `select array_agg(distinct central_queue) || array_agg(distinct central_queue || '/' || group_name) filter (where group_name is not null)
              as queues,
            array_agg(distinct coalesce(shard, split_part(origin, ':', 1))) as shards from tributary.dead_event`,
  );
  return { queues: row?.queues ?? [], shards: row?.shards ?? [] };
}

/** Deletes the oldest `limit` of those that are older than the queue keeps them. @returns how many there were. */
export async function expireDead(
  link: Central,
  queue: string,
  { keepMs, limit }: { readonly keepMs: number; readonly limit: number },
): Promise<number> {
  const [row] = await link.query<{ gone: number }>('select tributary.dead_expire($1, $2, $3) as gone', [
    queue,
    keepMs,
    limit,
  ]);
  return row?.gone ?? 0;
}

export async function readDead(link: Central, id: number): Promise<WholeDeadEvent | undefined> {
  const [row] = await link.query<WholeDeadEvent>('select * from tributary.dead_show($1)', [id]);
  return row;
}

export async function countDead(link: Central, filter: DeadFilter, group: string): Promise<DeadCount[]> {
  return await link.query<DeadCount>('select * from tributary.dead_count($1, $2)', [jsonOf(filter), group]);
}

/** The next of those that match, the oldest first. */
export async function pageDead(
  link: Central,
  filter: DeadFilter,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<{ id: number; queue: string; kind: DeadKind; is_whole: boolean }[]> {
  return await link.query('select * from tributary.dead_page($1, $2, $3)', [jsonOf(filter), after, limit]);
}

/** Deletes the oldest `limit` of those that match. @returns how many there were. */
export async function discardDead(link: Central, filter: DeadFilter, limit: number): Promise<number> {
  const [row] = await link.query<{ gone: number }>('select tributary.dead_discard($1, $2) as gone', [
    jsonOf(filter),
    limit,
  ]);
  return row?.gone ?? 0;
}

function jsonOf({
  ids,
  queue,
  work,
  shard,
  type,
  error,
  alike,
  olderThanMs,
  kind,
  upTo,
  withRedriven,
}: DeadFilter): string {
  const names = { older_ms: olderThanMs, upto: upTo, redriven: withRedriven };
  return JSON.stringify({ ids, queue, work, shard, type, error, alike, kind, ...names });
}
