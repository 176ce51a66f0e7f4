-- ----------------------------------------------------------------------
-- Function: tributary.coop_end_tick(6)
--
--      Chooses the tick that ends a group's next batch. Only a tick whose snapshot contains the start's is usable: one made
--      out of order would hand out events a second time.
--
--      Without conditions it is the next usable tick. min_count joins ticks until there are this many events (by sequence),
--      or takes all there are: it never waits. min_interval waits: a batch that has neither min_count events nor lasted for
--      min_interval is held back until that much time has passed since its start, by the clock, so that it comes even if no
--      further tick does. min_lag leaves out younger ticks.
--
-- Parameters:
--      queue_id        - queue
--      start_tick      - the group's position
--      min_lag         - the batch ends at least this long ago
--      min_count       - how many events to join, where there are that many
--      min_interval    - how long to collect them
--      last_tick       - none behind this one; null: any
--
-- Returns:
--      start_found     - false where the start is no longer there
--      end_tick        - null where there is nothing to hand out
--      start_time, end_time
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch, tributary.lane_take, tributary.lane_switch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_end_tick(
    queue_id integer, start_tick bigint, min_lag interval, min_count integer, min_interval interval,
    last_tick bigint default null,
    out start_found boolean, out end_tick bigint, out start_time timestamptz, out end_time timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_start     pgq.tick;
    v_last      bigint := coalesce(last_tick, 9223372036854775807);
    v_newest    timestamptz := coalesce(clock_timestamp() - min_lag, 'infinity');
begin
    select * into v_start from pgq.tick t where t.tick_queue = coop_end_tick.queue_id and t.tick_id = start_tick;
    start_found := found;
    if not found then
        return;
    end if;
    start_time := v_start.tick_time;

    select t.tick_id, t.tick_time into end_tick, end_time
    from pgq.tick t
    where t.tick_queue = coop_end_tick.queue_id and t.tick_id > start_tick and t.tick_id <= v_last and t.tick_time <= v_newest
        and (min_count is null and min_interval is null
            or t.tick_event_seq >= v_start.tick_event_seq + min_count
            or t.tick_time >= v_start.tick_time + min_interval)
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(v_start.tick_snapshot)
        and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, v_start.tick_snapshot))
    order by t.tick_id
    limit 1;
    if found or min_count is null and min_interval is null or clock_timestamp() < v_start.tick_time + min_interval then
        return;
    end if;

    select t.tick_id, t.tick_time into end_tick, end_time
    from pgq.tick t
    where t.tick_queue = coop_end_tick.queue_id and t.tick_id > start_tick and t.tick_id <= v_last and t.tick_time <= v_newest
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(v_start.tick_snapshot)
        and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, v_start.tick_snapshot))
    order by t.tick_id desc
    limit 1;
end;
$$;
