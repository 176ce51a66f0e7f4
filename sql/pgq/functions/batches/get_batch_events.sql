-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_events(1)
--
--      All events of an open batch. Any number of calls, in any transactions, give the same rows until the batch is
--      finished. Compilation and parallel plans are off: event tables are never analysed, so that the planner would
--      start both for a few hundred rows.
--
-- Parameters:
--      x_batch_id      - id of the batch
--
-- Returns:
--      the events, ordered by ev_id
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_batch_events(
    x_batch_id bigint,
    out ev_id bigint, out ev_time timestamptz, out ev_txid bigint, out ev_retry integer, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text)
returns setof record
language plpgsql
set jit = off
set max_parallel_workers_per_gather = 0
as $$
begin
    return query execute pgq.batch_event_sql(x_batch_id);
end;
$$;
