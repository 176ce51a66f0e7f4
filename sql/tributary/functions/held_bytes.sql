-- ----------------------------------------------------------------------
-- Function: tributary.held_bytes(1)
--
--      How much disk the event tables of central queues hold: what waits for the workers, and what rotation has not emptied.
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
--      src/central/held.ts
-- ----------------------------------------------------------------------
create or replace function tributary.held_bytes(x_queues text[])
returns table (queue text, bytes bigint) as $$
    select q.queue_name, sum(pg_total_relation_size(i.inhrelid))::bigint
    from pgq.queue q
    join pg_inherits i on i.inhparent = q.queue_data_pfx::regclass
    where q.queue_name = any (x_queues)
    group by q.queue_name
$$ language sql stable set search_path = pg_catalog, pg_temp;
