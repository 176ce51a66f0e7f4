-- ----------------------------------------------------------------------
-- Function: pgq.force_tick(1)
--
--      Makes the next call of pgq.ticker tick, by advancing the event sequence. Call it, keep the id, and wait until
--      the newest tick is above it. Does nothing for a queue that is paused or ticked from elsewhere.
--
-- Parameters:
--      i_queue_name    - name of the queue
--
-- Returns:
--      id of the newest tick, which is not the one to come
--      null - no such queue, or no tick
--
-- Writes:
--      none; advances the queue's event sequence
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.force_tick(i_queue_name text)
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
        return null;
    end if;
    if not v_queue.queue_external_ticker and not v_queue.queue_ticker_paused then
        perform pgq.seq_setval(v_queue.queue_event_seq,
                               nextval(v_queue.queue_event_seq::regclass) + v_queue.queue_ticker_max_count * 2 + 1000);
    end if;
    return (select max(tick_id) from pgq.tick where tick_queue = v_queue.queue_id);
end;
$$;
