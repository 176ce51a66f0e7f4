-- ----------------------------------------------------------------------
-- Function: pgq.event_retry(3)
--
--      Puts off an event of an open batch: a copy comes back to this consumer later, in a batch of its own time. The
--      batch is to be finished all the same.
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
    v_event record;
begin
    execute 'select * from (' || pgq.batch_event_sql(x_batch_id) || ') batch where ev_id = $1 limit 1'
       into v_event using x_event_id;
    if v_event.ev_id is null then
        raise exception 'event not found';
    end if;

    select * into v_sub from pgq.subscription where sub_batch = x_batch_id;
    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_owner, ev_retry,
                                 ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    values (x_retry_time, v_sub.sub_queue, v_event.ev_id, v_event.ev_time, v_sub.sub_id, coalesce(v_event.ev_retry, 0) + 1,
            v_event.ev_type, v_event.ev_data, v_event.ev_extra1, v_event.ev_extra2, v_event.ev_extra3, v_event.ev_extra4)
    on conflict (ev_owner, ev_id) do nothing;
    return case when found then 1 else 0 end;
end;
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
