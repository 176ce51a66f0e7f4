-- A look that takes the place of an exact round for queues where nothing is new: what see.sql and covered.sql tell, about
-- the newest tick alone, in one statement and so by one snapshot. Prepared, on a direct connection only; a queue that is gone has no row.
-- :ids are the queues, :uncovered is as in due.sql.
select q.queue_id as id, (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
    q.queue_external_ticker as external, q.queue_ticker_paused as ticker_paused,
    coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_seq,
    (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint) as next_xid,
    (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint) as open_xid, null::bigint as oldest_event_us, :uncovered as uncovered,
    l.tick_id, (extract(epoch from l.tick_time) * 1000000)::bigint as time_us, l.tick_event_seq as event_seq,
    l.tick_snapshot::text as snapshot
from :schema.queue q
cross join lateral (
    select t.* from :schema.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) l
where q.queue_id in (:ids);
