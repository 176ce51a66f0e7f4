-- ----------------------------------------------------------------------
-- Function: pgq.drop_queue(2)
--
--      Removes a queue with its tables, ticks and sequences. Waits for transactions that are writing into it, unless it is
--      refused: with consumers and without force.
--
-- Parameters:
--      x_queue_name    - name of the queue
--      x_force         - also unregister the consumers that are still there
--
-- Returns:
--      1
--
-- Writes:
--      pgq.queue, pgq.tick, pgq.retry_queue, pgq.subscription, pgq.consumer; drops tables and sequences
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.drop_queue(x_queue_name text, x_force boolean)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     pgq.queue;
    v_consumer  text;
begin
    if x_force is not true then
        -- Looked at first, so that a refusal waits for nobody; and again under the lock, because one may register meanwhile.
        perform 1 from pgq.subscription join pgq.queue on queue_id = sub_queue where queue_name = x_queue_name;
        if found then
            raise exception 'cannot drop queue, consumers still attached';
        end if;
    end if;
    select * into v_queue from pgq.queue where queue_name = x_queue_name for update;
    if not found then
        raise exception 'No such event queue';
    end if;

    if x_force then
        for v_consumer in
            select co_name from pgq.subscription, pgq.consumer
             where sub_queue = v_queue.queue_id and co_id = sub_consumer
             order by co_name
        loop
            perform pgq.unregister_consumer(x_queue_name, v_consumer);
        end loop;
    else
        perform 1 from pgq.subscription where sub_queue = v_queue.queue_id;
        if found then
            raise exception 'cannot drop queue, consumers still attached';
        end if;
    end if;

    for n in 0 .. v_queue.queue_ntables - 1 loop
        execute 'drop table ' || v_queue.queue_data_pfx || '_' || n;
    end loop;
    execute 'drop table ' || v_queue.queue_data_pfx;

    delete from pgq.retry_queue where ev_queue = v_queue.queue_id;
    delete from pgq.tick where tick_queue = v_queue.queue_id;
    execute 'drop sequence ' || v_queue.queue_tick_seq;
    execute 'drop sequence ' || v_queue.queue_event_seq;
    execute 'drop sequence if exists ' || v_queue.queue_data_pfx || '_limit_seq';
    delete from pgq.queue where queue_id = v_queue.queue_id;
    return 1;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.drop_queue(1)
--
--      Removes a queue that has no consumers.
--
-- Parameters:
--      x_queue_name    - name of the queue
--
-- Returns:
--      1
--
-- Writes:
--      see pgq.drop_queue(2)
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.drop_queue(x_queue_name text)
returns integer
language sql
strict
as $$
    select pgq.drop_queue(x_queue_name, false);
$$;
