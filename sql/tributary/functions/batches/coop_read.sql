-- ----------------------------------------------------------------------
-- Function: tributary.coop_read(1)
--
--      Called before the events of a batch are read: leaves the token in the setting tributary.batch, for the transaction, so that
--      a COPY that reads them has the same text for each batch, and what it returns in tributary.batch_events (null: as a number
--      larger than any). A function, so that the plan of what it asks is kept.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      about how many events the batch has, by the ticks' sequence numbers; null for a token that is no longer valid
--
-- Writes:
--      none
--
-- Called by:
--      src/workers/child/reading/batch-reader.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_read(batch_id bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_events    bigint;
    v_lanes     integer;
begin
    select e.tick_event_seq - s.tick_event_seq, o.lanes into v_events, v_lanes
    from pgq.subscription b
    join pgq.tick s on s.tick_queue = b.sub_queue and s.tick_id = b.sub_last_tick
    join pgq.tick e on e.tick_queue = b.sub_queue and e.tick_id = b.sub_next_tick
    left join tributary.lane_set o on o.queue_id = b.sub_queue and o.sub_id = b.sub_id
    where b.sub_batch = batch_id;
    v_events := ceil(v_events::numeric / greatest(v_lanes, 1));
    perform set_config('tributary.batch_lane', case when v_lanes > 0 then 'yes' else '' end, true);
    perform set_config('tributary.batch', coalesce(batch_id::text, ''), true);
    perform set_config('tributary.batch_events', coalesce(v_events, 9223372036854775807)::text, true);
    return v_events;
end;
$$;
