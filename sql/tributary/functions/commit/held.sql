-- ----------------------------------------------------------------------
-- Function: tributary.held(1)
--
--      How much central queues hold: disk of their event tables (with events that are handled and not rotated away yet), and
--      how many events wait for the slowest consumer, by sequence.
--
-- Parameters:
--      x_queues    - central queues
--
-- Returns:
--      a row per queue that exists
--
-- Writes:
--      none
--
-- Called by:
--      sql/tributary/functions/commit/room.sql, and movers of older versions
-- ----------------------------------------------------------------------
create or replace function tributary.held(x_queues text[])
returns table (queue text, bytes bigint, waiting bigint) as $$
    select q.queue_name,
        (select sum(pg_total_relation_size(i.inhrelid))
         from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass)::bigint,
        coalesce((select max(pgq.seq_getval(q.queue_event_seq) - t.tick_event_seq)
         from pgq.subscription s
         join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
         where s.sub_queue = q.queue_id), 0)::bigint
    from pgq.queue q
    where q.queue_name = any (x_queues)
$$ language sql stable set search_path = pg_catalog, pg_temp;
