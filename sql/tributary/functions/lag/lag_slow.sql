-- ----------------------------------------------------------------------
-- Function: tributary.lag_slow(1)
--
--      What metrics show of central queues besides `lag`, and what is not worth asking each second.
--
-- Parameters:
--      x_queues    - central queues and groups of them, as tributary.group_of takes them
--
-- Returns:
--      a row per name whose queue exists; of a group disk_bytes, overdue_s and held_bytes are null: they are the queue's
--      disk_bytes              - of its event tables, with what belongs to them
--      overdue_s               - how long a rotation has been due that a consumer holds back, beyond a minute; else 0
--      held_bytes              - of disk_bytes what that rotation will free: all but the current table; 0 where none is overdue
--      dead                    - dead events that were not retried, by kind: {kind: number}
--      renewed_s               - when its workers were last to be replaced by new processes, in seconds since 1970; null: never
--
-- Writes:
--      none
--
-- Called by:
--      src/observability/metrics/read-slow.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lag_slow(x_queues text[])
returns table (queue text, disk_bytes bigint, overdue_s double precision, held_bytes bigint, dead jsonb,
    renewed_s double precision) as $$
    select w.name, t.bytes, o.overdue_s, case when o.overdue_s > 0 then t.others when w.part is null then 0 end,
        (select coalesce(jsonb_object_agg(d.kind, d.n), '{}')
         from (select d.kind, count(*) as n from tributary.dead_event d
               where d.central_queue = q.queue_name and d.group_name is not distinct from w.part and d.redriven_at is null
               group by d.kind) d),
        (select extract(epoch from p.renewed_at)::double precision from tributary.worker_pool p
         where p.central_queue = w.name)
    from (select n.name, g.queue, g.part from unnest(x_queues) n (name) cross join lateral tributary.group_of(n.name, '') g) w
    join pgq.queue q on q.queue_name = w.queue
    left join lateral (
        select coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint as bytes,
            coalesce(sum(pg_total_relation_size(i.inhrelid))
                filter (where i.inhrelid <> (q.queue_data_pfx || '_' || q.queue_cur_table)::regclass), 0)::bigint as others
        from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass) t on w.part is null
    -- Upkeep looks for due rotations several times a minute.
    cross join lateral (
        select extract(epoch from now() - q.queue_switch_time - q.queue_rotation_period)::double precision as late) l
    left join lateral (select case when l.late > 60 then l.late else 0 end as overdue_s) o on w.part is null
$$ language sql stable set search_path = pg_catalog, pg_temp;
