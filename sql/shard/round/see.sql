-- A round, third part: the ticks of each queue from the position's on, and the transaction id that the server gives out next
-- (none of its own ticks can have a higher one) and the first that is open, or the same. Where a second or more lies between the position's tick and the next one, or
-- now, events may be much older than that next one: then also the time of the oldest event behind it, of the first hundred.
-- :oldest is the expression for it, over q and t.
select r.k, (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
    q.queue_external_ticker as external, q.queue_ticker_paused as ticker_paused,
    coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_seq,
    (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint) as next_xid,
    (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint) as open_xid, l.*
from jsonb_to_recordset(:request::jsonb) as r (k integer, queue text, tick_id bigint, ticks integer)
join :schema.queue q on q.queue_name = r.queue
left join lateral (
    select t.tick_id, (extract(epoch from t.tick_time) * 1000000)::bigint as time_us, t.tick_event_seq as event_seq,
        t.tick_snapshot::text as snapshot,
        case when t.tick_id = r.tick_id and t.tick_event_seq < pg_sequence_last_value(q.queue_event_seq::regclass)
                and coalesce(lead(t.tick_time) over (order by t.tick_id), clock_timestamp()) > t.tick_time + interval '1 second'
            then (extract(epoch from :oldest) * 1000000)::bigint end as oldest_event_us
    from :schema.tick t where t.tick_queue = q.queue_id and t.tick_id >= r.tick_id
    order by t.tick_id limit r.ticks) l on true
order by r.k, l.tick_id;
