-- ----------------------------------------------------------------------
-- Function: tributary.narrowing_open(6)
--
--      Begins or continues the search for the event that kills its workers. A death counts once, and only where the process
--      that had forked the worker saw how it ended: other ends of workers (a signal from outside, a restart, a host that is
--      gone) leave a marked slice as well, and say nothing about the events at work.
--
--      A death in the whole of the marked slice counts for that slice. Where the call of the handler that the worker died in
--      is narrower, its events are the suspect slice from now on, without a death of their own yet.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group
--      x_start     - first tick of the batch; batches are known by their ticks, because batch ids change hands
--      x_end       - last tick of the batch
--      x_death     - how the last worker died: the token it had, and first id, last id and number of events of the call it
--                    died in (0 events: not known); null: there is no evidence that it died of this batch
--      x_is_certain    - it ended itself, crashed, or gave no sign of life; false: it may have been killed from outside
--
-- Returns:
--      last_event_id   - done up to here, null: nothing
--      suspect_first   - the suspect slice, null: none
--      suspect_last
--      suspect_events
--      deaths          - how many workers certainly died of exactly this slice
--      kills           - how many perhaps did
--
-- Writes:
--      tributary.narrowing
--
-- Called by:
--      src/workers/child/narrowing/narrowing.ts
-- ----------------------------------------------------------------------
create or replace function tributary.narrowing_open(
    x_queue text, x_group text, x_start bigint, x_end bigint, x_death bigint[] default null, x_is_certain boolean default true,
    out last_event_id bigint, out suspect_first bigint, out suspect_last bigint, out suspect_events integer,
    out deaths integer, out kills integer)
as $$
declare
    n               tributary.narrowing;
    v_has_call      constant boolean := x_death[4] > 0;
    v_is_in_slice   boolean;
begin
    insert into tributary.narrowing (central_queue, group_name, start_tick, end_tick)
    values (x_queue, x_group, x_start, x_end)
    on conflict do nothing;
    select * into n from tributary.narrowing o
    where o.central_queue = x_queue and o.group_name = x_group and o.start_tick = x_start and o.end_tick = x_end
    for update;

    if x_death is not null and x_death[1] is distinct from n.judged then
        v_is_in_slice := n.running_events is not null and (
            not v_has_call
            or x_death[2] >= n.running_first and x_death[3] <= n.running_last and x_death[4] >= n.running_events);
        if v_is_in_slice then
            if (n.suspect_first, n.suspect_last) is distinct from (n.running_first, n.running_last) then
                n.suspect_first := n.running_first;
                n.suspect_last := n.running_last;
                n.deaths := 0;
                n.kills := 0;
            end if;
            n.suspect_events := n.running_events;
            n.deaths := n.deaths + x_is_certain::integer;
            n.kills := n.kills + (not x_is_certain)::integer;
        elsif v_has_call and x_death[3] > coalesce(n.last_event_id, -1) then
            n.suspect_first := x_death[2];
            n.suspect_last := x_death[3];
            n.suspect_events := x_death[4];
            n.deaths := 0;
            n.kills := 0;
        end if;
        n.judged := x_death[1];
    end if;
    update tributary.narrowing o
    set running_first = null, running_last = null, running_events = null,
        suspect_first = n.suspect_first, suspect_last = n.suspect_last, suspect_events = n.suspect_events,
        deaths = n.deaths, kills = n.kills, judged = n.judged, at = now()
    where o.central_queue = x_queue and o.group_name = x_group and o.start_tick = x_start and o.end_tick = x_end;

    last_event_id := n.last_event_id;
    -- Events that are done are not suspect.
    if n.suspect_last > coalesce(n.last_event_id, -1) then
        suspect_first := n.suspect_first;
        suspect_last := n.suspect_last;
        suspect_events := n.suspect_events;
        deaths := n.deaths;
        kills := n.kills;
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
