-- ----------------------------------------------------------------------
-- Function: pgq.next_batch_custom(5)
--
--      Opens the consumer's next batch, or returns the one that is open. A plain look decides whether there is
--      anything to do, so that an idle consumer assigns no transaction id; only then the subscription is locked and
--      looked at again, so that two sessions get the same batch.
--
-- Parameters:
--      i_queue_name        - name of the queue
--      i_consumer_name     - name of the consumer
--      i_min_lag           - the batch must end at least this long ago
--      i_min_count         - the batch should have at least this many events
--      i_min_interval      - or last at least this long
--
-- Returns:
--      batch_id                - the batch; all fields are null if there is none
--      cur_tick_id, cur_tick_time, cur_tick_event_seq      - tick at its end
--      prev_tick_id, prev_tick_time, prev_tick_event_seq   - tick at its start
--
-- Writes:
--      pgq.subscription; pgq.consumer, see pgq._renew_consumer
--
-- Called by:
--      pgq.next_batch, pgq.next_batch_info, users
-- ----------------------------------------------------------------------
create or replace function pgq.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_min_lag interval, i_min_count integer, i_min_interval interval,
    out batch_id bigint, out cur_tick_id bigint, out prev_tick_id bigint,
    out cur_tick_time timestamptz, out prev_tick_time timestamptz,
    out cur_tick_event_seq bigint, out prev_tick_event_seq bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The tables may have been small when they were analysed, and be large when the plan is used.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_sub       pgq.subscription;
    v_tick      record;
    v_locked    boolean := false;
    v_rows      bigint;
    v_names     bigint;
begin
    loop
        v_rows := pgq._entries_read('pgq.subscription_pkey');
        v_names := pgq._entries_read('pgq.consumer_name_uq');
        -- By its whole key, however the planner would join.
        select s.* into v_sub
          from pgq.subscription s
         where s.sub_queue = (select q.queue_id from pgq.queue q where q.queue_name = i_queue_name)
           and s.sub_consumer = (select c.co_id from pgq.consumer c where c.co_name = i_consumer_name);
        if not found then
            raise exception 'Not subscriber to queue: %/%', coalesce(i_queue_name, 'NULL'), coalesce(i_consumer_name, 'NULL');
        end if;

        select tick_id, tick_time, tick_event_seq into prev_tick_id, prev_tick_time, prev_tick_event_seq
          from pgq.tick where tick_queue = v_sub.sub_queue and tick_id = v_sub.sub_last_tick;
        if not found then
            raise exception 'PgQ corruption: Consumer % on queue % does not see tick %',
                i_consumer_name, i_queue_name, v_sub.sub_last_tick;
        end if;

        if v_sub.sub_batch is not null then
            select tick_id, tick_time, tick_event_seq into cur_tick_id, cur_tick_time, cur_tick_event_seq
              from pgq.tick where tick_queue = v_sub.sub_queue and tick_id = v_sub.sub_next_tick;
            batch_id := v_sub.sub_batch;
            return;
        end if;

        select * into v_tick
          from pgq._end_tick(v_sub.sub_queue, prev_tick_id, prev_tick_time, prev_tick_event_seq,
                             i_min_lag, i_min_count, i_min_interval);
        if v_tick.next_tick_id is null then
            prev_tick_id := null;
            prev_tick_time := null;
            prev_tick_event_seq := null;
            return;
        end if;
        exit when v_locked;

        perform 1 from pgq.subscription
          where sub_queue = v_sub.sub_queue and sub_consumer = v_sub.sub_consumer for no key update;
        v_locked := found;
    end loop;

    -- At least as many versions of the subscription as of the consumer, whose versions all come from being renewed.
    v_rows := pgq._entries_read('pgq.subscription_pkey') - v_rows;
    if v_rows > 100 and v_rows > pgq._entries_read('pgq.consumer_name_uq') - v_names then
        v_sub.sub_consumer := pgq._renew_consumer(v_sub.sub_consumer, i_consumer_name);
    end if;

    cur_tick_id := v_tick.next_tick_id;
    cur_tick_time := v_tick.next_tick_time;
    cur_tick_event_seq := v_tick.next_tick_seq;
    batch_id := nextval('pgq.batch_id_seq');
    update pgq.subscription
       set sub_batch = batch_id, sub_next_tick = cur_tick_id, sub_active = now()
     where sub_queue = v_sub.sub_queue and sub_consumer = v_sub.sub_consumer;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._end_tick(7)
--
--      Chooses the tick at which a consumer's next batch shall end.
--
-- Parameters:
--      i_queue_id                                  - the queue
--      i_prev_tick_id, _time, _seq                 - tick at the start
--      i_min_lag, i_min_count, i_min_interval      - see pgq.next_batch_custom
--
-- Returns:
--      next_tick_id, next_tick_time, next_tick_seq - the tick, or nulls
--
-- Writes:
--      none
--
-- Called by:
--      pgq.next_batch_custom
-- ----------------------------------------------------------------------
create or replace function pgq._end_tick(
    i_queue_id integer, i_prev_tick_id bigint, i_prev_tick_time timestamptz, i_prev_tick_seq bigint,
    i_min_lag interval, i_min_count integer, i_min_interval interval,
    out next_tick_id bigint, out next_tick_time timestamptz, out next_tick_seq bigint)
language plpgsql
stable
as $$
begin
    if i_min_count is null and i_min_interval is null then
        select t.tick_id, t.tick_time, t.tick_event_seq into next_tick_id, next_tick_time, next_tick_seq
          from pgq.tick t
         where t.tick_queue = i_queue_id and t.tick_id > i_prev_tick_id
         order by t.tick_id limit 1;
    else
        select h.next_tick_id, h.next_tick_time, h.next_tick_seq into next_tick_id, next_tick_time, next_tick_seq
          from pgq.find_tick_helper(i_queue_id, i_prev_tick_id, i_prev_tick_time, i_prev_tick_seq,
                                    i_min_count, i_min_interval) h;
    end if;
    if now() - next_tick_time < i_min_lag then
        next_tick_id := null;
        next_tick_time := null;
        next_tick_seq := null;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.next_batch_info(2)
--
--      pgq.next_batch_custom without conditions.
--
-- Parameters:
--      i_queue_name        - name of the queue
--      i_consumer_name     - name of the consumer
--
-- Returns:
--      see pgq.next_batch_custom
--
-- Writes:
--      pgq.subscription
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.next_batch_info(
    i_queue_name text, i_consumer_name text,
    out batch_id bigint, out cur_tick_id bigint, out prev_tick_id bigint,
    out cur_tick_time timestamptz, out prev_tick_time timestamptz,
    out cur_tick_event_seq bigint, out prev_tick_event_seq bigint)
language plpgsql
as $$
begin
    select b.batch_id, b.cur_tick_id, b.prev_tick_id, b.cur_tick_time, b.prev_tick_time,
           b.cur_tick_event_seq, b.prev_tick_event_seq
      into batch_id, cur_tick_id, prev_tick_id, cur_tick_time, prev_tick_time,
           cur_tick_event_seq, prev_tick_event_seq
      from pgq.next_batch_custom(i_queue_name, i_consumer_name, null, null, null) b;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.next_batch(2)
--
--      Opens the consumer's next batch, or returns the one that is open.
--
-- Parameters:
--      i_queue_name        - name of the queue
--      i_consumer_name     - name of the consumer
--
-- Returns:
--      id of the batch, null if there is none
--
-- Writes:
--      pgq.subscription
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.next_batch(i_queue_name text, i_consumer_name text)
returns bigint
language plpgsql
as $$
begin
    return (select b.batch_id from pgq.next_batch_custom(i_queue_name, i_consumer_name, null, null, null) b);
end;
$$;
