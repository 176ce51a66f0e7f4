-- ----------------------------------------------------------------------
-- Function: pgq._entries_read(1)
--
--      How many entries of an index this session has read and not reported yet. The difference of two calls is the number of
--      versions of a row that was looked up in between, since all of them are visited.
--
-- Parameters:
--      i_index     - the index
--
-- Returns:
--      the number; 0 where the server counts nothing (track_counts)
--
-- Writes:
--      none
--
-- Called by:
--      pgq.next_batch_custom
-- ----------------------------------------------------------------------
create or replace function pgq._entries_read(i_index regclass)
returns bigint
language plpgsql
as $$
begin
    return coalesce(pg_stat_get_xact_tuples_returned(i_index), 0);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._renew_consumer(2)
--
--      Gives a consumer a new id; its name, its subscriptions and their ids stay. A batch writes two versions of its row in
--      pgq.subscription, and while any session of the database holds an old snapshot none of them is removed: each lookup
--      visits all of them, and each write checks all of them. Under a new key there are only a few again.
--
--      Never waits, and does nothing where the change could be noticed: a session uses the consumer or one of its
--      subscriptions at this moment, or has a batch open for it on another queue; it is the main consumer of a cooperative
--      group, whose functions remember ids; the transaction could not see what it changes.
--
-- Parameters:
--      i_consumer  - the consumer's id
--      i_name      - its name
--
-- Returns:
--      the consumer's id now
--
-- Writes:
--      pgq.consumer, pgq.subscription
--
-- Called by:
--      pgq.next_batch_custom
-- ----------------------------------------------------------------------
create or replace function pgq._renew_consumer(i_consumer integer, i_name text)
returns integer
language plpgsql
as $$
declare
    v_queues    integer[];
    v_free      integer;
    v_id        integer;
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        return i_consumer;
    end if;
    perform 1 from pgq.consumer where co_id = i_consumer for update skip locked;
    if not found then
        return i_consumer;
    end if;
    select array_agg(q.queue_id) into v_queues
      from pgq.queue q join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = i_consumer;
    select count(*) into v_free
      from (select 1 from pgq.subscription
             where sub_queue = any (v_queues) and sub_consumer = i_consumer and sub_batch is null
               for update skip locked) s;
    if v_free < cardinality(v_queues) then
        return i_consumer;
    end if;
    perform 1
       from pgq.consumer m
       join pgq.subscription s on s.sub_queue = any (v_queues) and s.sub_consumer = m.co_id
       join pgq.subscription own on own.sub_queue = s.sub_queue and own.sub_consumer = i_consumer
      where starts_with(m.co_name, i_name || '.') and s.sub_id = own.sub_id;
    if found then
        return i_consumer;
    end if;

    v_id := nextval('pgq.consumer_co_id_seq');
    -- In one statement: each of two would refer to keys that the other has not made yet.
    with renewed as (update pgq.consumer set co_id = v_id where co_id = i_consumer)
    update pgq.subscription set sub_consumer = v_id where sub_queue = any (v_queues) and sub_consumer = i_consumer;
    return v_id;
end;
$$;
