-- ----------------------------------------------------------------------
-- Function: tributary.narrowing_open(5)
--
--      Begins or goes on with the search for the event that kills its workers. A slice that is still marked as running
--      killed the worker that had marked it: that death is counted and the mark is taken off. Where it is known which call
--      of the handler the worker died in, that call is under suspicion, if it says more than the slice does.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group
--      x_start     - first tick of the batch; batches are known by their ticks, because batch ids change hands
--      x_end       - last tick of the batch
--      x_call      - first and last event id and number of events of the call that the last worker died in; null: unknown
--
-- Returns:
--      last_event_id   - done up to here, null: nothing
--      suspect_first   - the slice that killed, null: none did
--      suspect_last
--      suspect_events
--      deaths          - how many workers died in exactly this slice
--
-- Writes:
--      tributary.narrowing
--
-- Called by:
--      src/workers/child/doors.ts
-- ----------------------------------------------------------------------
create or replace function tributary.narrowing_open(
    x_queue text, x_group text, x_start bigint, x_end bigint, x_call bigint[] default null,
    out last_event_id bigint, out suspect_first bigint, out suspect_last bigint, out suspect_events integer,
    out deaths integer)
as $$
begin
    insert into tributary.narrowing (central_queue, group_name, start_tick, end_tick)
    values (x_queue, x_group, x_start, x_end)
    on conflict do nothing;
    select n.last_event_id, n.running_first, n.running_last, n.running_events, n.deaths
    into last_event_id, suspect_first, suspect_last, suspect_events, deaths
    from tributary.narrowing n
    where n.central_queue = x_queue and n.group_name = x_group and n.start_tick = x_start and n.end_tick = x_end
    for update;
    if suspect_events is null and x_call[2] > coalesce(last_event_id, -1)
        or x_call[1] >= suspect_first and x_call[2] <= suspect_last and x_call[3] < suspect_events then
        suspect_first := x_call[1];
        suspect_last := x_call[2];
        suspect_events := x_call[3];
        deaths := 0;
    elsif suspect_events is not null then
        deaths := deaths + 1;
    else
        return;
    end if;
    update tributary.narrowing n
    set running_first = suspect_first, running_last = suspect_last, running_events = null, deaths = narrowing_open.deaths,
        at = now()
    where n.central_queue = x_queue and n.group_name = x_group and n.start_tick = x_start and n.end_tick = x_end;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
