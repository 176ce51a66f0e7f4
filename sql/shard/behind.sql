-- How far one source is behind its position, for `lag`. Reads only; one such statement per queue in a message.
-- Rows after the position are counted up to 10 000, in the order of their transactions, so that the oldest are among them.
-- Inside a window that was cut, rows up to :last_event_id have been moved.
-- :queue is the queue's name as a literal, :event_table the parent of its event tables, :schema the schema of PgQ,
-- :tick_id the position's tick, :end_tick_id and :last_event_id null where no window was cut; :xmax, :xip and :visible are the
-- functions of its snapshots.
select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
    coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_seq,
    (extract(epoch from s.tick_time) * 1000000)::bigint as time_us, s.tick_event_seq as event_seq,
    md5(s.tick_snapshot::text) as snapshot_md5, c.tick_id as end_tick, n.tick_id as newest_tick,
    (extract(epoch from o.tick_time) * 1000000)::bigint as oldest_tick_us,
    greatest(0, split_part(n.tick_snapshot::text, ':', 2)::bigint - (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint))
        as missing_xids,
    r.rows, (extract(epoch from r.oldest) * 1000000)::bigint as oldest_event_us
from :schema.queue q
left join :schema.tick s on s.tick_queue = q.queue_id and s.tick_id = :tick_id
left join :schema.tick c on c.tick_queue = q.queue_id and c.tick_id = :end_tick_id
left join lateral (
    select t.tick_id, t.tick_snapshot from :schema.tick t
    where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) n on true
left join lateral (
    select t.tick_time from :schema.tick t
    where t.tick_queue = q.queue_id and t.tick_id > s.tick_id order by t.tick_id limit 1) o on true
left join lateral (
    select count(*) as rows, min(w.ev_time) as oldest
    from (
        (select e.ev_time from :event_table e
         where e.ev_txid = any (array(select :xip(s.tick_snapshot))) and e.ev_owner is null
           and (c.tick_id is null or e.ev_id > :last_event_id or not :visible(e.ev_txid, c.tick_snapshot))
         limit 10001)
        union all
        (select e.ev_time from :event_table e
         where e.ev_txid >= :xmax(s.tick_snapshot) and e.ev_owner is null
           and (c.tick_id is null or e.ev_id > :last_event_id or not :visible(e.ev_txid, c.tick_snapshot))
         order by e.ev_txid limit 10001)
        limit 10001) w) r
    on true
where q.queue_name = :queue
