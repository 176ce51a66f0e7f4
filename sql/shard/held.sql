-- What the queues of a database hold, how fast it grows, and what keeps them from rotating, for doctor; reads catalogs and
-- PgQ's tables, no event. :request is a json array of queue names, :schema the schema of PgQ.
select q.queue_name as queue,
    (extract(epoch from now() - q.queue_switch_time))::float8 as switched_s,
    (extract(epoch from q.queue_rotation_period))::float8 as period_s,
    q.queue_switch_step2 is null as is_half_done, b.has_rows, b.bytes, b.current_bytes, w.consumer, w.consumer_age_s, w.is_behind,
    split_part(w.snapshot, ':', 1)::bigint <= q.queue_switch_step2::text::bigint as is_held, u.users,
    c.came
from :schema.queue q
left join lateral (
    select sum(pg_relation_size(i.inhrelid)) > 0 as has_rows, sum(pg_total_relation_size(i.inhrelid))::float8 as bytes,
        sum(pg_total_relation_size(i.inhrelid)) filter (
            where i.inhrelid = (q.queue_data_pfx || '_' || q.queue_cur_table)::regclass)::float8 as current_bytes
    from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass) b on true
left join lateral (
    select o.co_name as consumer, t.tick_snapshot::text as snapshot,
        extract(epoch from now() - t.tick_time)::float8 as consumer_age_s,
        exists (select from :schema.tick n where n.tick_queue = q.queue_id and n.tick_id > s.sub_last_tick) as is_behind
    from :schema.subscription s
    join :schema.consumer o on o.co_id = s.sub_consumer
    join :schema.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
    where s.sub_queue = q.queue_id
    order by s.sub_last_tick limit 1) w on true
left join lateral (
    select array_agg(distinct l.pid) as users from pg_locks l
    where now() > q.queue_switch_time + q.queue_rotation_period and l.locktype = 'relation' and l.pid <> pg_backend_pid()
        and l.database = (select d.oid from pg_database d where d.datname = current_database())
        and l.relation = (q.queue_data_pfx || '_' || (q.queue_cur_table + 1) % q.queue_ntables)::regclass) u on true
left join lateral (
    select greatest(0, pg_sequence_last_value(q.queue_event_seq::regclass) - t.tick_event_seq)
        / greatest(1, extract(epoch from clock_timestamp() - t.tick_time))::float8 as came
    from :schema.tick t
    where t.tick_queue = q.queue_id and t.tick_time <= clock_timestamp() - interval '1 minute'
    order by t.tick_id desc limit 1) c on true
where q.queue_name in (select jsonb_array_elements_text(:request::jsonb))
