-- ----------------------------------------------------------------------
-- Function: pgq.ticker(1)
--
--      Makes a tick for the queue if one is due.
--
-- Parameters:
--      i_queue_name    - name of the queue
--
-- Returns:
--      id of the new tick
--      null - none is due, or another session is making one at this moment
--
-- Writes:
--      pgq.tick
--
-- Called by:
--      sql/shard/round/tick.sql, tributary.tick, pgq.create_queue, users
-- ----------------------------------------------------------------------
create or replace function pgq.ticker(i_queue_name text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue pgq.queue;
begin
    select * into v_queue from pgq.queue where queue_name = i_queue_name;
    if not found then
        raise exception 'no such queue';
    end if;
    if v_queue.queue_external_ticker then
        raise exception 'This queue has external tick source.';
    end if;
    if v_queue.queue_ticker_paused then
        raise exception 'Ticker has been paused for this queue';
    end if;
    return pgq._tick(v_queue.queue_id, true);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.ticker(0)
--
--      Makes the ticks that are due in all queues. A queue that fails gets a warning and does not stop the others; one
--      whose row is locked (another ticker, a rotation or a drop) is left for the next call.
--
-- Parameters:
--      none
--
-- Returns:
--      number of ticks made
--
-- Writes:
--      pgq.tick
--
-- Called by:
--      pgqd, users
-- ----------------------------------------------------------------------
create or replace function pgq.ticker()
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue record;
    v_ticks bigint := 0;
begin
    for v_queue in
        select queue_id, queue_name from pgq.queue
         where not queue_external_ticker and not queue_ticker_paused
         order by queue_name
    loop
        begin
            if pgq._tick(v_queue.queue_id, false) is not null then
                v_ticks := v_ticks + 1;
            end if;
        exception when others then
            raise warning 'queue % was not ticked: %', v_queue.queue_name, sqlerrm;
        end;
    end loop;
    return v_ticks;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.ticker(4)
--
--      Records a tick of a queue whose ticks come from elsewhere. Ids must rise: a lower id with a newer snapshot
--      would hand out events twice.
--
-- Parameters:
--      i_queue_name        - name of the queue
--      i_tick_id           - id of the tick
--      i_orig_timestamp    - its time
--      i_event_seq         - event sequence at its source
--
-- Returns:
--      i_tick_id
--
-- Writes:
--      pgq.tick; raises the queue's sequences
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.ticker(i_queue_name text, i_tick_id bigint, i_orig_timestamp timestamptz, i_event_seq bigint)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue pgq.queue;
    v_last  bigint;
begin
    select * into v_queue
      from pgq.queue
     where queue_name = i_queue_name and queue_external_ticker and not queue_ticker_paused
       for no key update;
    if not found then
        raise exception 'queue not found or ticker disabled: %', i_queue_name;
    end if;

    select max(tick_id) into v_last from pgq.tick where tick_queue = v_queue.queue_id;
    if i_tick_id < v_last then
        raise exception 'external tick % of queue % is older than its newest tick %: ticks must come in order of their ids',
                        i_tick_id, i_queue_name, v_last;
    end if;

    perform pgq._insert_tick(v_queue.queue_id, i_tick_id, i_orig_timestamp, i_event_seq);
    perform pgq.seq_setval(v_queue.queue_tick_seq, i_tick_id);
    perform pgq.seq_setval(v_queue.queue_event_seq, i_event_seq);
    return i_tick_id;
end;
$$;
