-- ----------------------------------------------------------------------
-- Function: tributary.coop_row(3)
--
--      Reads one row of pgq.subscription, by its last known place if possible. While an old snapshot is held, every version
--      of the row stays, and by its key all of them would be visited; from its last place it takes only a few steps.
--
-- Parameters:
--      queue_id    - queue
--      consumer_id - consumer
--      hint        - ctid of the row when it was read last; null or wrong: it is found by its key
--
-- Returns:
--      sub_id, sub_last_tick, sub_next_tick, sub_batch     - null where there is no such row
--      at                                                  - where it is
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_row(queue_id integer, consumer_id integer, hint tid,
    out sub_id integer, out sub_last_tick bigint, out sub_next_tick bigint, out sub_batch bigint, out at tid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if hint is not null then
        begin
            -- Follows the updates since then.
            hint := currtid2('pgq.subscription', hint);
        exception when others then
            -- The table has become shorter.
            hint := null;
        end;
        select s.sub_id, s.sub_last_tick, s.sub_next_tick, s.sub_batch, s.ctid
        into sub_id, sub_last_tick, sub_next_tick, sub_batch, at
        from pgq.subscription s
        where s.ctid = hint and s.sub_queue = queue_id and s.sub_consumer = consumer_id;
        if found then
            return;
        end if;
    end if;
    select s.sub_id, s.sub_last_tick, s.sub_next_tick, s.sub_batch, s.ctid
    into sub_id, sub_last_tick, sub_next_tick, sub_batch, at
    from pgq.subscription s
    where s.sub_queue = queue_id and s.sub_consumer = consumer_id;
end;
$$;

revoke all on function tributary.coop_row(integer, integer, tid) from public;
