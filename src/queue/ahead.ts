// Ticks with transaction ids that their server has not given out yet: the database was restored into a younger server.
// Events inserted there look old, and would be left out of every batch and window.

/** An SQL expression: how many transaction ids the newest ticks are ahead of those given out; 0 or less: none. */
export const missingXidsSql = (schema: string): string =>
  `(select coalesce(max(m.missing), 0) from (${missingByQueueSql(schema)}) m)`;

/** A select of `queue` and `missing`, for each queue that has a tick. */
export const missingByQueueSql = (schema: string): string => `
    select a.queue_name as queue,
        split_part(n.tick_snapshot::text, ':', 2)::bigint - pg_snapshot_xmax(pg_current_snapshot())::text::bigint as missing
    from ${schema}.queue a
    cross join lateral (
        select t.tick_snapshot from ${schema}.tick t where t.tick_queue = a.queue_id order by t.tick_id desc limit 1) n`;

/** How many ids are missing, with the remedy, as the end of a sentence. */
export function fewerXids(missing: number): string {
  const ids = `${missing.toLocaleString('en-US')} transaction ${missing === 1 ? 'id' : 'ids'}`;
  return `its ticks know ${ids} more than its server has given out, as after a restore into a younger server, so new events would pass for old ones: raise the server's next transaction id with pg_resetwal`;
}
