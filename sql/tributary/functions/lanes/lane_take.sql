-- ----------------------------------------------------------------------
-- Function: tributary.lane_look(3)
--
--      Which free lanes of a group have events between their position and a tick. A look into an index for each; reads no event.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_sub       - sub_id of the group
--      x_end       - tick up to which is looked
--
-- Returns:
--      a row per free lane behind that tick, the one furthest behind first
--      lane        - its number
--      at          - its position
--      has_events  - whether there is one
--      is_usable   - whether x_end can end a batch of it: a tick that was made out of order cannot
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_take, tributary.lane_switch, tributary.lane_follow
-- ----------------------------------------------------------------------
create or replace function tributary.lane_look(x_queue integer, x_sub integer, x_end bigint)
returns table (lane integer, at bigint, has_events boolean, is_usable boolean)
language plpgsql stable
-- Event tables are never analysed; without these the planner would read a whole table to find that it holds nothing new.
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_key       text;
    v_table     text;
    v_end       txid_snapshot;
begin
    select s.key, q.queue_data_pfx, t.tick_snapshot into v_key, v_table, v_end
    from tributary.lane_set s
    join pgq.queue q on q.queue_id = s.queue_id
    join pgq.tick t on t.tick_queue = s.queue_id and t.tick_id = x_end
    where s.queue_id = x_queue and s.sub_id = x_sub
        -- Nearly always there is none where nothing happens.
        and exists (
            select from tributary.lane l
            where l.queue_id = x_queue and l.sub_id = x_sub and l.batch is null and l.position < x_end);
    if not found then
        return;
    end if;
    return query execute format($sql$
        select l.lane, l.position,
            exists (
                select from %1$s e
                where %2$s and (e.ev_owner is null or e.ev_owner = $2)
                    and e.ev_txid >= txid_snapshot_xmax(t.tick_snapshot) and e.ev_txid < txid_snapshot_xmax($4)
                    and txid_visible_in_snapshot(e.ev_txid, $4))
            or exists (
                select from %1$s e
                where %2$s and (e.ev_owner is null or e.ev_owner = $2)
                    and e.ev_txid = any (array(select txid_snapshot_xip(t.tick_snapshot)))
                    and txid_visible_in_snapshot(e.ev_txid, $4)),
            txid_snapshot_xmax($4) >= txid_snapshot_xmax(t.tick_snapshot)
                and not exists (select from txid_snapshot_xip($4) x where txid_visible_in_snapshot(x, t.tick_snapshot))
        from tributary.lane l
        join pgq.tick t on t.tick_queue = l.queue_id and t.tick_id = l.position
        where l.queue_id = $1 and l.sub_id = $2 and l.batch is null and l.position < $3
        order by l.position, l.lane
        $sql$, v_table, tributary.lane_filter(v_key, 'l.buckets'))
    using x_queue, x_sub, x_end, v_end;
end;
$$;

revoke all on function tributary.lane_look(integer, integer, bigint) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_take(5)
--
--      Chooses the next batch of a group with lanes: of a free lane with a paused key that is due, or of one that has
--      events; of those the one furthest behind. Nobody else takes that lane before the transaction ends; the caller notes the batch
--      in it.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_sub       - sub_id of the group
--      x_mark      - tick that no batch goes beyond; null: there is none
--      x_min_lag, x_min_count      - as in tributary.coop_end_tick; of a lane's own events there are about so many
--
-- Returns:
--      lane        - null: there is nothing to do
--      start_tick, end_tick, start_time, end_time
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.lane_take(
    x_queue integer, x_sub integer, x_mark bigint, x_min_lag interval, x_min_count integer,
    out lane integer, out start_tick bigint, out end_tick bigint, out start_time timestamptz, out end_time timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_end   bigint := tributary.lane_newest(x_queue, x_mark);
    v_lane  record;
    v_due_first boolean := random() < 0.5;
    v_count integer;
    v_look  record;
    v_tick  record;
begin
    select case when x_min_count is not null then least(x_min_count::bigint * s.lanes, 1000000) end into v_count
    from tributary.lane_set s where s.queue_id = x_queue and s.sub_id = x_sub;
    -- Either first, by chance: keys that are due again and again keep no lane waiting.
    for v_try in 1 .. 2 loop
        if (v_try = 1) = v_due_first then
            select l.lane, l.position into v_lane
            from tributary.lane l
            where l.queue_id = x_queue and l.sub_id = x_sub and l.batch is null
                and exists (
                    select from tributary.paused_key k
                    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (l.buckets)
                        and k.batch is null and k.next_at <= clock_timestamp())
            order by l.position, l.lane
            limit 1
            for update skip locked;
            if found then
                select * into v_tick
                from tributary.coop_end_tick(x_queue, v_lane.position, x_min_lag, v_count, null, x_mark) t;
                lane := v_lane.lane;
                start_tick := v_lane.position;
                -- Perhaps nothing but what waits.
                end_tick := coalesce(v_tick.end_tick, v_lane.position);
                start_time := v_tick.start_time;
                end_time := coalesce(v_tick.end_time, v_tick.start_time);
                return;
            end if;
            continue;
        end if;
        perform 1 from tributary.lane l
        where l.queue_id = x_queue and l.sub_id = x_sub and l.batch is null and l.position < v_end limit 1;
        continue when not found;
        for v_look in select * from tributary.lane_look(x_queue, x_sub, v_end) k where k.has_events loop
            select * into v_tick
            from tributary.coop_end_tick(x_queue, v_look.at, x_min_lag, v_count, null, x_mark) t;
            continue when v_tick.end_tick is null;
            perform 1 from tributary.lane l
            where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = v_look.lane
                and l.position = v_look.at and l.batch is null
            for update skip locked;
            if found then
                lane := v_look.lane;
                start_tick := v_look.at;
                end_tick := v_tick.end_tick;
                start_time := v_tick.start_time;
                end_time := v_tick.end_time;
                return;
            end if;
        end loop;
    end loop;
end;
$$;

revoke all on function tributary.lane_take(integer, integer, bigint, interval, integer) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_newest(2)
--
--      The newest tick of a queue, or the mark where that comes before it.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_mark      - tick, or null
--
-- Returns:
--      the tick
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_take, tributary.lane_switch, tributary.lane_follow, tributary.lanes_set
-- ----------------------------------------------------------------------
create or replace function tributary.lane_newest(x_queue integer, x_mark bigint)
returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t.tick_id from pgq.tick t
    where t.tick_queue = x_queue and t.tick_id <= coalesce(x_mark, 9223372036854775807)
    order by t.tick_id desc limit 1
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_token(3)
--
--      Notes in the lane of a batch, and in the paused keys that are tried in it, that it has another token now.
--
-- Parameters:
--      x_set       - lanes of the group; null: it has none
--      x_old, x_new    - tokens
--
-- Returns:
--      the lane; null: the group has none
--
-- Writes:
--      tributary.lane, tributary.paused_key
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.lane_token(x_set tributary.lane_set, x_old bigint, x_new bigint)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    update tributary.paused_key k set batch = x_new
    where x_set.lanes > 0 and k.queue_id = x_set.queue_id and k.sub_id = x_set.sub_id and k.batch = x_old;
    update tributary.lane l set batch = x_new
    where x_set.lanes > 0 and l.queue_id = x_set.queue_id and l.sub_id = x_set.sub_id and l.batch = x_old
    returning l.lane
$$;

revoke all on function tributary.lane_token(tributary.lane_set, bigint, bigint) from public;
