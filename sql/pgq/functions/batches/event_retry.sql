-- ----------------------------------------------------------------------
-- Function: pgq.event_retry(3)
--
--      Puts off an event of an open batch: a copy comes back to this consumer later, in a batch of its own time. The
--      batch is to be finished all the same. Where several events of the batch have this id (insert_event_raw can give
--      any), all are put off: one keeps the id, the others come back with new ones.
--
-- Parameters:
--      x_batch_id      - id of the batch
--      x_event_id      - id of the event
--      x_retry_time    - when it shall come back
--
-- Returns:
--      1 - put off
--      0 - was put off already
--
-- Writes:
--      pgq.retry_queue
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.event_retry(x_batch_id bigint, x_event_id bigint, x_retry_time timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_sub   pgq.subscription;
    v_count integer;
begin
    select * into v_sub from pgq.subscription where sub_batch = x_batch_id;
    execute 'insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_owner, ev_retry,'
            ' ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)'
            ' select $2, $3, pgq._retry_id($3, ev_id, row_number() over (order by ev_time, ev_txid)), ev_time, $4, coalesce(ev_retry, 0) + 1,'
            ' ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4'
            ' from (' || pgq.batch_event_sql(x_batch_id) || ') batch'
            ' where ev_id = $1 and not exists (select 1 from pgq.retry_queue r where r.ev_owner = $4 and r.ev_id = $1)'
            ' on conflict (ev_owner, ev_id) do nothing'
      using x_event_id, x_retry_time, v_sub.sub_queue, v_sub.sub_id;
    get diagnostics v_count = row_count;
    if v_count > 0 then
        return 1;
    end if;
    perform 1 from pgq.retry_queue where ev_owner = v_sub.sub_id and ev_id = x_event_id;
    if not found then
        raise exception 'event not found';
    end if;
    return 0;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._retry_id(3)
--
--      The id under which an event is put off: its own, unless that is taken by another one of the same batch.
--
-- Parameters:
--      i_queue_id  - the queue
--      i_event_id  - id of the event
--      i_number    - which of the events with this id it is
--
-- Returns:
--      the id
--
-- Writes:
--      the queue's event sequence
--
-- Called by:
--      pgq.event_retry, pgq.batch_retry
-- ----------------------------------------------------------------------
create or replace function pgq._retry_id(i_queue_id integer, i_event_id bigint, i_number bigint)
returns bigint
language sql
as $$
    select case when i_number = 1 then i_event_id
                else (select nextval(q.queue_event_seq::regclass) from pgq.queue q where q.queue_id = i_queue_id) end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.event_retry(3)
--
--      The same with a duration.
--
-- Parameters:
--      x_batch_id          - id of the batch
--      x_event_id          - id of the event
--      x_retry_seconds     - after how many seconds it shall come back
--
-- Returns:
--      1 - put off
--      0 - was put off already
--
-- Writes:
--      pgq.retry_queue
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.event_retry(x_batch_id bigint, x_event_id bigint, x_retry_seconds integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq.event_retry(x_batch_id, x_event_id, now() + x_retry_seconds * interval '1 second');
end;
$$;
