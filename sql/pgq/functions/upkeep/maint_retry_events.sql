-- ----------------------------------------------------------------------
-- Function: pgq.maint_retry_events(0)
--
--      Puts events back into their queues that were put off and are due, the oldest ten of each queue. Call it, each time
--      in a transaction of its own, until it returns 0. An event that its queue refuses now stays, with a warning; a queue
--      that takes no inserts, or whose table is locked, is left for the next call, and so are locked rows.
--
-- Parameters:
--      none
--
-- Returns:
--      number of events put back
--
-- Writes:
--      pgq.retry_queue, event tables
--
-- Called by:
--      src/upkeep, pgqd
-- ----------------------------------------------------------------------
create or replace function pgq.maint_retry_events()
returns integer
language plpgsql
-- By the index on ev_retry_after, in its order: when the table was analysed it was probably empty.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_queue record;
    v_event record;
    v_count integer := 0;
    -- The place where this session's last call stopped. While an old snapshot is held, rows that were put back stay in the
    -- index, and each call would read all of them. Rows that came in below are found once none is left above.
    v_floor timestamptz := to_timestamp(coalesce(nullif(current_setting('pgq.retry_floor', true), ''), '-infinity')::double precision);
    v_next  timestamptz := 'infinity'; -- where the next call can go on, unless something was left behind
    v_last  timestamptz;
begin
    -- A look first: an idle call takes no lock.
    perform 1 from pgq.retry_queue where ev_retry_after >= v_floor and ev_retry_after <= now() limit 1;
    if not found and v_floor > '-infinity' then
        v_floor := '-infinity';
        perform set_config('pgq.retry_floor', '', false);
        perform 1 from pgq.retry_queue where ev_retry_after <= now() limit 1;
    end if;
    if not found then
        return 0;
    end if;

    -- One session at a time puts events back; those that put events off are not held up.
    lock table pgq.retry_queue in share update exclusive mode;
    for v_queue in
        select q.queue_id, q.queue_name, q.queue_data_pfx || '_' || q.queue_cur_table as current_table
          from pgq.queue q
         where not (q.queue_disable_insert and current_setting('session_replication_role') <> 'replica')
           -- Not `exists`, which may be answered by reading all rows that are due.
           and (select true from pgq.retry_queue r
                 where r.ev_queue = q.queue_id and r.ev_retry_after >= v_floor and r.ev_retry_after <= now()
                 order by r.ev_retry_after limit 1)
         order by q.queue_name
    loop
        begin
            -- Never waits: one queue's table would hold up all queues.
            execute 'lock table ' || v_queue.current_table || ' in row exclusive mode nowait';
        exception when others then
            raise warning 'events of queue % were not put back: %', v_queue.queue_name, sqlerrm;
            v_next := '-infinity';
            continue;
        end;
        v_last := '-infinity';
        for v_event in
            select r.*
              from pgq.retry_queue r
             where r.ev_queue = v_queue.queue_id and r.ev_retry_after >= v_floor and r.ev_retry_after <= now()
             order by r.ev_retry_after
             limit 10
               for update skip locked
        loop
            begin
                perform pgq.insert_event_raw(v_queue.queue_name, v_event.ev_id, v_event.ev_time, v_event.ev_owner, v_event.ev_retry,
                                             v_event.ev_type, v_event.ev_data,
                                             v_event.ev_extra1, v_event.ev_extra2, v_event.ev_extra3, v_event.ev_extra4);
                delete from pgq.retry_queue where ev_owner = v_event.ev_owner and ev_id = v_event.ev_id;
                v_count := v_count + 1;
                v_last := v_event.ev_retry_after;
            exception when others then
                raise warning 'event % of queue % was not put back: %', v_event.ev_id, v_queue.queue_name, sqlerrm;
                v_next := '-infinity';
            end;
        end loop;
        v_next := least(v_next, v_last);
    end loop;
    if v_count = 0 then
        v_next := '-infinity';
    end if;
    -- A little below, since the number is rounded.
    perform set_config('pgq.retry_floor', case when v_next > '-infinity' then (extract(epoch from v_next) - 0.001)::text else '' end, false);
    if v_count = 0 and v_floor > '-infinity' then
        return pgq.maint_retry_events();
    end if;
    return v_count;
end;
$$;
