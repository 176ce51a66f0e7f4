-- ----------------------------------------------------------------------
-- Function: tributary.narrowing_mark(5)
--
--      Notes which slice of a batch is about to be handled. Called in a transaction of its own before that, so that the
--      slice is known if the worker dies.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group
--      x_ticks     - first and last tick of the batch
--      x_slice     - first and last event id
--      x_events    - how many events
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.narrowing
--
-- Called by:
--      src/workers/child/narrowing/narrowing.ts
-- ----------------------------------------------------------------------
create or replace function tributary.narrowing_mark(
    x_queue text, x_group text, x_ticks bigint[], x_slice bigint[], x_events integer)
returns void as $$
    update tributary.narrowing n
    set running_first = x_slice[1], running_last = x_slice[2], running_events = x_events, at = now()
    where n.central_queue = x_queue and n.group_name = x_group and n.start_tick = x_ticks[1] and n.end_tick = x_ticks[2];
$$ language sql set search_path = pg_catalog, pg_temp;
