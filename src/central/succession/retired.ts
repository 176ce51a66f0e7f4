// What central keeps for ever of sources that have ended.
import type { Connection } from '../../postgres/connection.ts';

export interface RetiredSource {
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  /** The identity of its database; undefined: it was not known. */
  readonly database: string | undefined;
  /** Its last position; undefined: it had none. */
  readonly tick:
    | { readonly id: number; readonly timeUs: number; readonly eventSeq: number; readonly md5: string }
    | undefined;
  readonly moved: number;
  readonly isSeen: boolean;
  /** ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly successors: readonly string[];
}

/** The last end of each source of these shards, also of those that have begun anew since. */
export async function readRetired(central: Connection, shards: readonly string[]): Promise<RetiredSource[]> {
  const rows = await central.query<{
    shard: string;
    queue: string;
    central_queue: string;
    database: string | null;
    tick_id: number | null;
    tick_time_us: number;
    tick_event_seq: number;
    tick_snapshot_md5: string;
    moved: number;
    seen: boolean;
    at: string;
    retired_by: string;
    successors: string[];
  }>(
    `select distinct on (shard, queue) *, to_char(retired_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
     from tributary.retired_source where shard = any ($1) order by shard, queue, id desc`,
    [shards],
  );
  return rows.map((row) => ({
    shard: row.shard,
    queue: row.queue,
    centralQueue: row.central_queue,
    database: row.database ?? undefined,
    tick:
      row.tick_id === null
        ? undefined
        : {
            id: row.tick_id,
            timeUs: row.tick_time_us,
            eventSeq: row.tick_event_seq,
            md5: row.tick_snapshot_md5,
          },
    moved: row.moved,
    isSeen: row.seen,
    at: row.at,
    by: row.retired_by,
    successors: row.successors,
  }));
}
