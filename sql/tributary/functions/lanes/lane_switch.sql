-- ----------------------------------------------------------------------
-- Function: tributary.lane_switch(2)
--
--      Begins the new lanes of a group where all of the old ones, or the group without lanes, have handled everything up to the mark.
--      Until then nobody gets an event behind it, so that nothing overtakes.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_sub       - sub_id of the group
--
-- Returns:
--      whether the new lanes have begun
--
-- Writes:
--      tributary.lane_set, tributary.lane, pgq.subscription
--
-- Called by:
--      tributary.coop_next_batch, tributary.lanes_set, tributary.lane_follow
-- ----------------------------------------------------------------------
create or replace function tributary.lane_switch(x_queue integer, x_sub integer)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    s           tributary.lane_set;
    v_look      record;
    v_reached   bigint;
    v_behind    boolean;
begin
    -- One at a time; the others find it done.
    select * into s from tributary.lane_set o where o.queue_id = x_queue and o.sub_id = x_sub for update;
    if not found or s.mark is null then
        return false;
    end if;
    -- A look before the locks of calls that open a batch, and behind them: those calls look again behind us.
    for v_try in 1 .. 2 loop
        perform 1 from pgq.subscription m
        where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_batch is not null limit 1;
        if found then
            return false;
        end if;
        exit when v_try = 2;
        perform 1 from pgq.subscription m
        where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_last_tick is not null for update;
        perform 1 from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub for update;
    end loop;
    -- What waits is found by its key, whatever its lane, but not by another key, nor without lanes.
    perform 1 from tributary.paused_key k
    where k.queue_id = x_queue and k.sub_id = x_sub and (s.next_lanes = 0 or s.next_key <> s.key) limit 1;
    if found then
        return false;
    end if;
    if s.lanes > 0 then
        for v_look in select * from tributary.lane_look(x_queue, x_sub, s.mark) k where not k.has_events and k.is_usable loop
            update tributary.lane l set position = s.mark
            where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = v_look.lane
                and l.position = v_look.at and l.batch is null;
        end loop;
        select max(l.position), min(l.position) < s.mark into v_reached, v_behind
        from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub;
    else
        select m.sub_last_tick, m.sub_last_tick < s.mark into v_reached, v_behind
        from pgq.subscription m
        join pgq.consumer c on c.co_id = m.sub_consumer
        where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_last_tick is not null
        order by m.sub_last_tick limit 1;
    end if;
    -- A call that did not see the mark yet may have gone beyond it; the others follow to there. A tick that was made out of order
    -- cannot be reached from everywhere: then a newer one is the mark.
    if v_reached > s.mark then
        update tributary.lane_set o set mark = v_reached where o.queue_id = x_queue and o.sub_id = x_sub;
        return tributary.lane_switch(x_queue, x_sub);
    end if;
    if v_behind then
        if not exists (
            select from tributary.lane l
            where s.lanes > 0 and l.queue_id = x_queue and l.sub_id = x_sub and l.position < s.mark
                and (tributary.coop_end_tick(x_queue, l.position, null, null, null, s.mark)).end_tick is not null)
            and (s.lanes > 0 or (tributary.coop_end_tick(x_queue, v_reached, null, null, null, s.mark)).end_tick is null)
        then
            update tributary.lane_set o set mark = tributary.lane_newest(x_queue, null)
            where o.queue_id = x_queue and o.sub_id = x_sub;
        end if;
        return false;
    end if;

    delete from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub;
    insert into tributary.lane (queue_id, sub_id, lane, buckets, position)
    select x_queue, x_sub, n, array(select b from generate_series(0, 63) b where b % s.next_lanes = n), s.mark
    from generate_series(0, s.next_lanes - 1) n;
    update pgq.subscription m set sub_last_tick = s.mark
    where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_batch is null and m.sub_last_tick is not null;
    update tributary.lane_set o
    set lanes = s.next_lanes, key = s.next_key, next_lanes = null, next_key = null, mark = null, changed_at = now()
    where o.queue_id = x_queue and o.sub_id = x_sub;
    return true;
end;
$$;

revoke all on function tributary.lane_switch(integer, integer) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_follow(0)
--
--      Lets the positions of lanes that have nothing to do, and the positions that PgQ knows of their groups, follow, so that none of
--      them holds rotation back; begins lanes that nobody has begun yet; forgets groups that are gone, and the lanes of groups that have
--      none any more. To be called every second or so.
--
-- Parameters:
--      none
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.lane, pgq.subscription, tributary.paused_key, tributary.lane_waiting, tributary.key_rate, and what
--      tributary.lane_switch and tributary.lane_index write
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_follow()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    s       record;
    v_look  record;
    v_end   bigint;
    v_last  bigint;
begin
    for s in select o.* from tributary.lane_set o order by o.queue_id, o.sub_id loop
        perform 1 from pgq.subscription m where m.sub_queue = s.queue_id and m.sub_id = s.sub_id;
        if not found then
            -- The group is gone.
            delete from tributary.paused_key k where k.queue_id = s.queue_id and k.sub_id = s.sub_id;
            delete from tributary.lane_waiting w where w.queue_id = s.queue_id and w.sub_id = s.sub_id;
            delete from tributary.key_rate r where r.queue_id = s.queue_id and r.sub_id = s.sub_id;
            delete from tributary.lane l where l.queue_id = s.queue_id and l.sub_id = s.sub_id;
            delete from tributary.lane_set o where o.queue_id = s.queue_id and o.sub_id = s.sub_id;
            continue;
        end if;
        if s.mark is not null then
            perform tributary.lane_switch(s.queue_id, s.sub_id);
        end if;
        -- Without lanes, and none on their way: the index goes, as soon as nobody uses the tables for a moment.
        perform 1 from tributary.lane_set o
        where o.queue_id = s.queue_id and o.sub_id = s.sub_id and o.lanes = 0 and o.mark is null for update skip locked;
        if found then
            begin
                perform set_config('lock_timeout', '10ms', true);
                delete from tributary.lane_set o where o.queue_id = s.queue_id and o.sub_id = s.sub_id;
                perform tributary.lane_index(s.queue_id, null);
            exception when others then
                null;
            end;
            continue;
        end if;
        continue when s.lanes = 0;
        -- What a key has used says no more than that it may have all again.
        delete from tributary.key_rate r
        where r.queue_id = s.queue_id and r.sub_id = s.sub_id
            and r.used_until < clock_timestamp() - greatest(2, 1.1 / s.per_key) * interval '1 second';
        v_end := tributary.lane_newest(s.queue_id, s.mark);
        for v_look in
            select * from tributary.lane_look(s.queue_id, s.sub_id, v_end) k where not k.has_events and k.is_usable
        loop
            update tributary.lane l set position = v_end
            where l.queue_id = s.queue_id and l.sub_id = s.sub_id and l.lane = v_look.lane
                and l.position = v_look.at and l.batch is null;
        end loop;
        -- Open batches hold rotation back by rows of their own.
        select min(l.position) into v_last from tributary.lane l where l.queue_id = s.queue_id and l.sub_id = s.sub_id;
        update pgq.subscription m set sub_last_tick = v_last
        where m.sub_queue = s.queue_id and m.sub_id = s.sub_id and m.sub_batch is null and m.sub_last_tick < v_last;
    end loop;
end;
$$;

revoke all on function tributary.lane_follow() from public;
