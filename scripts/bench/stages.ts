// Where the time of an event goes between the commit on a shard and the handler: from the server's record of when transactions
// committed (`track_commit_timestamp`), the ticks of central, and the notes of the handlers.
import type { Connection } from '../../dist/postgres/connection.js';

/** For each event that a handler got: its id in central, and when the call began, in ms since 1970. */
export interface Handled {
  readonly id: number;
  readonly atMs: number;
}

/** Times in ms since 1970. */
export interface Stages {
  readonly madeMs: number;
  readonly movedMs: number;
  readonly tickedMs: number;
  readonly handledMs: number;
}

/** @param handled events of one central queue. @returns the stages of those that the event tables still have. */
export async function stagesOf(
  central: Connection,
  queue: string,
  handled: readonly Handled[],
): Promise<Stages[]> {
  const [found] = await central.query<{ id: number; name: string }>(
    'select queue_id as id, queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  const ms = (time: string) => `(extract(epoch from ${time}) * 1000)::float8`;
  const rows = await central.query<Stages>(
    `select ${ms('pg_xact_commit_timestamp(e.ev_extra1::xid)')} as "madeMs",
       ${ms('pg_xact_commit_timestamp((e.ev_txid % 4294967296)::text::xid)')} as "movedMs",
       ${ms('t.tick_time')} as "tickedMs", h.at as "handledMs"
     from unnest($1::bigint[], $2::float8[]) as h (id, at)
     join ${found?.name} e on e.ev_id = h.id
     cross join lateral (
       select t.tick_time from pgq.tick t where t.tick_queue = $3 and t.tick_event_seq >= e.ev_id
         and txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot) order by t.tick_id limit 1) t`,
    [handled.map(({ id }) => id), handled.map(({ atMs }) => atMs), found?.id],
    { timeoutMs: 300_000 },
  );
  return rows;
}
