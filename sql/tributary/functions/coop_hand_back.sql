-- ----------------------------------------------------------------------
-- Function: tributary.coop_hand_back(1)
--
--      A member that ends in good order gives its batch back before it is done: that opening of the batch does not count, for
--      nothing went wrong. The batch stays the member's until it is unregistered.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      true - the batch is still the caller's; false - it was taken over or finished
--
-- Writes:
--      tributary.coop_opening
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
begin
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        return false;
    end if;
    -- The next opening makes 2 of it: whoever opens the batch then knows that a part of it may be done.
    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, openings)
    values (v_mine.sub_queue, v_mine.sub_id, v_mine.sub_last_tick, v_mine.sub_next_tick, 1)
    on conflict on constraint coop_opening_pkey do update set openings = greatest(o.openings - 1, 1);
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
