-- Which queues should have emptied a table by now and have not, and where this is, for what movers report of their shards. Reads
-- one row a queue; only of those that are late the sizes of their tables: an empty queue is not rotated.
-- :request is a json array of queue names, :schema the schema of PgQ.
select concat_ws(' ', pg_postmaster_start_time()::text, current_setting('port')) as server, current_database() as database,
    coalesce((
        select jsonb_agg(q.queue_name order by q.queue_name)
        from :schema.queue q
        where q.queue_name in (select jsonb_array_elements_text(:request::jsonb))
            and case when q.queue_switch_time + q.queue_rotation_period < now() then (
                select sum(pg_relation_size(i.inhrelid)) > 0 from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass)
            end), '[]') as overdue
