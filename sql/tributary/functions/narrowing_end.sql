-- ----------------------------------------------------------------------
-- Function: tributary.narrowing_end(3)
--
--      Forgets the search in a batch that is finished, in the finishing transaction.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group
--      x_ticks     - first and last tick of the batch
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.narrowing
--
-- Called by:
--      src/workers/child/doors.ts
-- ----------------------------------------------------------------------
create or replace function tributary.narrowing_end(x_queue text, x_group text, x_ticks bigint[])
returns void as $$
    delete from tributary.narrowing
    where central_queue = x_queue and group_name = x_group and start_tick = x_ticks[1] and end_tick = x_ticks[2];
$$ language sql set search_path = pg_catalog, pg_temp;
