-- ----------------------------------------------------------------------
-- Function: pgq.unregister_consumer(2)
--
--      Ends a subscription, with the events that were put off for it. For the main consumer of a cooperative group
--      the whole group goes; a member (its ticks both set or both empty) goes alone and leaves the group's retries.
--
-- Parameters:
--      x_queue_name        - name of the queue
--      x_consumer_name     - name of the consumer
--
-- Returns:
--      number of subscriptions removed, 0 if there was none
--
-- Writes:
--      pgq.subscription, pgq.retry_queue, pgq.consumer
--
-- Called by:
--      pgq.drop_queue, users
-- ----------------------------------------------------------------------
create or replace function pgq.unregister_consumer(x_queue_name text, x_consumer_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sub       pgq.subscription;
    v_consumers integer[];
begin
    perform 1
       from pgq.subscription s
       join pgq.queue q on q.queue_id = s.sub_queue
       join pgq.consumer c on c.co_id = s.sub_consumer
      where q.queue_name = x_queue_name and c.co_name = x_consumer_name;
    if not found then
        return 0;
    end if;

    -- The consumer before its subscription, as a registration locks them.
    perform 1 from pgq.consumer where co_name = x_consumer_name for update;
    select s.* into v_sub
      from pgq.subscription s
      join pgq.queue q on q.queue_id = s.sub_queue
      join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = x_queue_name and c.co_name = x_consumer_name
       for update of s;
    if not found then
        return 0;
    end if;

    -- All rows of the group, in the same order in every session.
    select array_agg(sub_consumer) into v_consumers
      from (select sub_consumer from pgq.subscription
             where sub_id = v_sub.sub_id and sub_queue = v_sub.sub_queue
             order by sub_consumer for update) locked;

    if cardinality(v_consumers) > 1 and (v_sub.sub_last_tick is null) = (v_sub.sub_next_tick is null) then
        v_consumers := array[v_sub.sub_consumer];
    else
        delete from pgq.retry_queue where ev_owner = v_sub.sub_id;
    end if;

    delete from pgq.subscription where sub_queue = v_sub.sub_queue and sub_consumer = any (v_consumers);

    -- A registration on another queue holds the consumer's row until it commits; only then it is clear whether the name is in use.
    perform 1 from pgq.consumer where co_id = any (v_consumers) order by co_id for update;
    delete from pgq.consumer
     where co_id = any (v_consumers)
       and not exists (select 1 from pgq.subscription where sub_consumer = co_id);
    return cardinality(v_consumers);
end;
$$;
