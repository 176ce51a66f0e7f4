-- Finds one event of a queue by its id, on a shard or on central, and the ticks around it; for `trace`. Reads only.
-- Event tables have an index on ev_txid and on nothing else. A transaction that took the id after a tick was made had not ended
-- for that tick: it is in the tick's list, or came later; and it began before the ticks that follow. A copy of the event that
-- waits to be tried again has an owner.
-- :queue is the queue's name as a literal, :id the event's id, :event_table the parent of its event tables, :schema the schema of
-- PgQ, :with_data whether its data is wanted; :xid, :xmax, :xip and :visible as the queue's snapshots have them.
select coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_id,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
    f.tick_event_seq as oldest_id, (extract(epoch from f.tick_time) * 1000)::float8 as oldest_ms,
    n.tick_event_seq as newest_id, (extract(epoch from n.tick_time) * 1000)::float8 as newest_ms,
    b.tick_id is not null as is_kept,
    e.ev_id, e.ev_txid, (extract(epoch from e.ev_time) * 1000)::float8 as ev_ms, e.ev_retry, e.ev_type,
    e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
    s.tick_id as seen_tick, (extract(epoch from s.tick_time) * 1000)::float8 as seen_ms,
    p.tick_id as before_tick, p.tick_event_seq as before_seq, (extract(epoch from p.tick_time) * 1000)::float8 as before_ms
from :schema.queue q
left join lateral (
    select t.tick_event_seq, t.tick_time from :schema.tick t
    where t.tick_queue = q.queue_id order by t.tick_id limit 1) f on true
left join lateral (
    select t.tick_event_seq, t.tick_time from :schema.tick t
    where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) n on true
-- The first tick of a queue is from before its first event, and has the number of that event.
left join lateral (
    select t.tick_id, t.tick_snapshot from :schema.tick t
    where t.tick_queue = q.queue_id and (t.tick_event_seq < :id or t.tick_id = 1)
    order by t.tick_id desc limit 1) b on true
-- Some ticks later, for an id is taken a moment before the transaction has its own.
left join lateral (
    select :xmax(t.tick_snapshot) as xid from :schema.tick t
    where t.tick_queue = q.queue_id and t.tick_id > b.tick_id and t.tick_event_seq >= :id and :id > 1
    order by t.tick_id offset 4 limit 1) u on true
left join lateral (
    (select x.* from (
        select o.ev_id, o.ev_txid::text as ev_txid, o.ev_time, o.ev_retry, left(o.ev_type, 1000) as ev_type,
            case when :with_data then o.ev_data end as ev_data,
            o.ev_extra1, o.ev_extra2, o.ev_extra3, o.ev_extra4
        from :event_table o
        where o.ev_txid = any (array(select :xip(b.tick_snapshot))) and o.ev_id = :id and o.ev_owner is null
        limit 1) x)
    union all
    (select x.* from (
        select o.ev_id, o.ev_txid::text, o.ev_time, o.ev_retry, left(o.ev_type, 1000),
            case when :with_data then o.ev_data end, o.ev_extra1, o.ev_extra2, o.ev_extra3, o.ev_extra4
        from :event_table o
        where o.ev_txid >= :xmax(b.tick_snapshot) and o.ev_txid < coalesce(u.xid, cast('9223372036854775807' as :xid))
            and o.ev_id = :id and o.ev_owner is null
        limit 1) x)
    limit 1) e on true
left join lateral (
    select t.tick_id, t.tick_time from :schema.tick t
    where t.tick_queue = q.queue_id and t.tick_id > b.tick_id and :visible(cast(e.ev_txid as :xid), t.tick_snapshot)
    order by t.tick_id limit 1) s on true
left join lateral (
    select t.tick_id, t.tick_event_seq, t.tick_time from :schema.tick t
    where t.tick_queue = q.queue_id and (s.tick_id is null or t.tick_id < s.tick_id)
    order by t.tick_id desc limit 1) p on true
where q.queue_name = :queue
