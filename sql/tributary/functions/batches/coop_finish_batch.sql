-- ----------------------------------------------------------------------
-- Function: tributary.coop_finish_batch(1)
--
--      Closes a batch under its token, in the transaction that holds the handler's effects. A token that is no longer valid
--      is an error, so that these effects are rolled back. Deletes what was noted of the batch: its openings, its progress;
--      and, where a member that is not ours finishes it, the attempts at events that are handled now.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      1; SQLSTATE TB001 where the batch was taken over or is finished already
--
-- Writes:
--      pgq.subscription, pgq.consumer, tributary.coop_opening, tributary.narrowing, tributary.attempt,
--      tributary.lane, and what tributary.lane_done writes
--
-- Called by:
--      src/queue/coop.ts, pgq_coop.finish_batch, tributary.coop_put_back
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
    v_lane  integer;
begin
    -- A member that takes the batch over at this moment has the row's lock: this waits for it and then finds another token.
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

    -- A member that does not know of progress does not know of attempts either.
    if batch_id < 1000000000000000 or batch_id >= 5000000000000000 then
        perform tributary.coop_forget_attempts(batch_id);
    end if;
    if v_mine.sub_active <= to_timestamp(0) or v_name like E'%.\\%batch %' then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription
        set sub_last_tick = null, sub_next_tick = null, sub_batch = null, sub_active = clock_timestamp()
        where sub_batch = batch_id;
    end if;
    update tributary.lane l set batch = null
    where l.queue_id = v_mine.sub_queue and l.sub_id = v_mine.sub_id and l.batch = v_mine.sub_batch
    returning l.lane into v_lane;
    if v_lane is not null then
        perform tributary.lane_done(batch_id, null);
    end if;
    delete from tributary.coop_opening o
    where o.queue_id = v_mine.sub_queue and o.sub_id = v_mine.sub_id
        and o.start_tick = v_mine.sub_last_tick and o.end_tick = v_mine.sub_next_tick and o.lane = coalesce(v_lane, -1);
    delete from tributary.narrowing n
    using pgq.queue q
    where q.queue_id = v_mine.sub_queue and n.central_queue = q.queue_name
        and n.start_tick = v_mine.sub_last_tick and n.end_tick = v_mine.sub_next_tick
        and exists (
            select from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
            where n.group_name = c.co_name || coalesce('@' || v_lane, '') and g.sub_queue = v_mine.sub_queue and g.sub_id = v_mine.sub_id);
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

-- ----------------------------------------------------------------------
-- Function: tributary.coop_forget_attempts(1)
--
--      Forgets the attempts at events of a batch that do not wait for another try: a member that does not count attempts has
--      handled them.
--
-- Parameters:
--      batch_id    - token, before the batch is closed
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.attempt
--
-- Called by:
--      tributary.coop_finish_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_forget_attempts(batch_id bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_batch record;
begin
    -- A look first: nearly always there is none.
    select q.queue_name, g.co_name, b.sub_id into v_batch
    from pgq.subscription b
    join pgq.queue q on q.queue_id = b.sub_queue
    join pgq.subscription s on s.sub_queue = b.sub_queue and s.sub_id = b.sub_id and s.sub_consumer <> b.sub_consumer
    join pgq.consumer g on g.co_id = s.sub_consumer
    where b.sub_batch = batch_id
        and exists (select from tributary.attempt a where a.central_queue = q.queue_name and a.group_name = g.co_name)
    limit 1;
    if not found then
        return;
    end if;
    delete from tributary.attempt a
    using pgq.get_batch_events(batch_id) e
    where a.central_queue = v_batch.queue_name and a.group_name = v_batch.co_name and a.ev_id = e.ev_id
        and not exists (select from pgq.retry_queue r where r.ev_owner = v_batch.sub_id and r.ev_id = e.ev_id);
end;
$$;

revoke all on function tributary.coop_forget_attempts(bigint) from public;
