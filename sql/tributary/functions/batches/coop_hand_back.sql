-- ----------------------------------------------------------------------
-- Function: tributary.coop_hand_back(1)
--
--      A member that lives gives its batch back before it is done, because it ends in order or because central was in
--      trouble: that opening of the batch does not count, for the batch did no harm, and no slice of it is at work any more.
--      The batch stays the member's until it asks again or is unregistered.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      true - the batch is still the caller's; false - it was taken over or finished
--
-- Writes:
--      tributary.coop_opening, tributary.narrowing
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_hand_back(batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine  pgq.subscription;
    v_lane  integer;
begin
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        return false;
    end if;
    select l.lane into v_lane from tributary.lane l
    where l.queue_id = v_mine.sub_queue and l.sub_id = v_mine.sub_id and l.batch = v_mine.sub_batch;
    -- The next opening makes it 2: the member that opens the batch then knows that a part of it may be done.
    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, lane, openings)
    values (v_mine.sub_queue, v_mine.sub_id, v_mine.sub_last_tick, v_mine.sub_next_tick, coalesce(v_lane, -1), 1)
    on conflict on constraint coop_opening_pkey do update set openings = greatest(o.openings - 1, 1);
    update tributary.narrowing n
    set running_events = null
    from pgq.queue q
    where q.queue_id = v_mine.sub_queue and n.central_queue = q.queue_name and n.running_events is not null
        and n.start_tick = v_mine.sub_last_tick and n.end_tick = v_mine.sub_next_tick
        and exists (
            select from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
            where n.group_name = c.co_name || coalesce('@' || v_lane, '') and g.sub_queue = v_mine.sub_queue and g.sub_id = v_mine.sub_id);
    return true;
end;
$$;

revoke all on function tributary.coop_hand_back(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_hand_back(bigint) to pgq_reader;
    end if;
end;
$$;
