-- ----------------------------------------------------------------------
-- Function: tributary.retried(3)
--
--      Forgets that these events were being retried: they have been handled.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group that handled them
--      x_ids       - event ids
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.attempt
--
-- Called by:
--      src/workers/child/call/write-outcomes.ts
-- ----------------------------------------------------------------------
create or replace function tributary.retried(x_queue text, x_group text, x_ids bigint[])
returns void as $$
    delete from tributary.attempt where central_queue = x_queue and group_name = x_group and ev_id = any (x_ids);
$$ language sql set search_path = pg_catalog, pg_temp;
