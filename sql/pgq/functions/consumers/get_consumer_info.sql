-- ----------------------------------------------------------------------
-- Function: pgq.get_consumer_info(2)
--
--      Positions and open batches of consumers.
--
-- Parameters:
--      i_queue_name        - name of the queue, null for all
--      i_consumer_name     - name of the consumer, null for all
--
-- Returns:
--      one row a subscription: queue_name, consumer_name; lag, age of the tick it stands at; last_seen; last_tick;
--      current_batch and next_tick if a batch is open; pending_events up to the newest tick, by the sequence
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_consumer_info(
    i_queue_name text, i_consumer_name text,
    out queue_name text, out consumer_name text, out lag interval, out last_seen interval,
    out last_tick bigint, out current_batch bigint, out next_tick bigint, out pending_events bigint)
returns setof record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select q.queue_name, c.co_name, now() - own.tick_time, now() - s.sub_active,
               s.sub_last_tick, s.sub_batch, s.sub_next_tick,
               top.tick_event_seq - own.tick_event_seq
          from pgq.subscription s
          join pgq.queue q on q.queue_id = s.sub_queue
          join pgq.consumer c on c.co_id = s.sub_consumer
          left join pgq.tick own on own.tick_queue = s.sub_queue and own.tick_id = s.sub_last_tick
          left join lateral (select t.tick_event_seq from pgq.tick t where t.tick_queue = s.sub_queue
                              order by t.tick_id desc limit 1) top on true
         where (i_queue_name is null or q.queue_name = i_queue_name)
           and (i_consumer_name is null or c.co_name = i_consumer_name)
         order by q.queue_name, c.co_name;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.get_consumer_info(1)
--
--      Positions and open batches of the consumers of a queue.
--
-- Parameters:
--      i_queue_name        - name of the queue, null for all
--
-- Returns:
--      see pgq.get_consumer_info(2)
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_consumer_info(
    i_queue_name text,
    out queue_name text, out consumer_name text, out lag interval, out last_seen interval,
    out last_tick bigint, out current_batch bigint, out next_tick bigint, out pending_events bigint)
returns setof record
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from pgq.get_consumer_info($1, null);
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.get_consumer_info(0)
--
--      Positions and open batches of all consumers.
--
-- Parameters:
--      none
--
-- Returns:
--      see pgq.get_consumer_info(2)
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_consumer_info(
    out queue_name text, out consumer_name text, out lag interval, out last_seen interval,
    out last_tick bigint, out current_batch bigint, out next_tick bigint, out pending_events bigint)
returns setof record
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from pgq.get_consumer_info(null, null);
$$;
