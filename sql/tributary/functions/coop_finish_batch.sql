-- ----------------------------------------------------------------------
-- Function: tributary.coop_finish_batch(1)
--
--      Closes a batch under its token, in the transaction that holds the handler's effects. A token that is no longer valid
--      is an error, so that these effects are rolled back.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      1; SQLSTATE TB001 where the batch was taken over or is finished already
--
-- Writes:
--      pgq.subscription, pgq.consumer, tributary.coop_opening
--
-- Called by:
--      src/queue/coop.ts, pgq_coop.finish_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_finish_batch(batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine  pgq.subscription;
    v_name  text;
begin
    -- A taker at work has the row's lock: this waits for it and then finds another token.
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        raise exception using errcode = 'TB001', message = format(
            'Batch %s was taken over or is already finished: what was done for it is rolled back.', coalesce(batch_id::text, 'NULL'));
    end if;

    -- A token of ours is only ever in a member's row. Other ids are PgQ's own.
    if batch_id < 1000000000000000 then
        select c.co_name into v_name from pgq.consumer c where c.co_id = v_mine.sub_consumer;
        perform 1
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_mine.sub_queue and s.sub_id = v_mine.sub_id and s.sub_consumer <> v_mine.sub_consumer
            and starts_with(v_name, c.co_name || '.');
        if not found then
            raise exception using errcode = 'wrong_object_type', message = format(
                'Batch %s belongs to consumer %s, which is no member of a group: finish it with pgq.finish_batch.', batch_id, v_name);
        end if;
    end if;

    if v_mine.sub_active <= to_timestamp(0) or v_name like '%.\%batch %' then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription
        set sub_last_tick = null, sub_next_tick = null, sub_batch = null, sub_active = clock_timestamp()
        where sub_batch = batch_id;
    end if;
    delete from tributary.coop_opening
    where queue_id = v_mine.sub_queue and sub_id = v_mine.sub_id
        and start_tick = v_mine.sub_last_tick and end_tick = v_mine.sub_next_tick;
    return 1;
end;
$$;

revoke all on function tributary.coop_finish_batch(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_finish_batch(bigint) to pgq_reader;
    end if;
end;
$$;
