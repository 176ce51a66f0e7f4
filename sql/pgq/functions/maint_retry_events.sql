-- ----------------------------------------------------------------------
-- Function: pgq.maint_retry_events(0)
--
--      Puts events back into their queues that were put off and are due, oldest first. Call it, each time in a
--      transaction of its own, until it returns 0. An event that its queue refuses now stays and is warned about.
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
as $$
declare
    v_event record;
    v_count integer := 0;
begin
    -- A look first: an idle call takes no lock.
    perform 1 from pgq.retry_queue where ev_retry_after <= now() limit 1;
    if not found then
        return 0;
    end if;

    -- One mover at a time; producers of retries are not held up.
    lock table pgq.retry_queue in share update exclusive mode;
    for v_event in
        select q.queue_name, r.*
          from pgq.retry_queue r
          join pgq.queue q on q.queue_id = r.ev_queue
         where r.ev_retry_after <= now()
           and not (q.queue_disable_insert and current_setting('session_replication_role') <> 'replica')
         order by r.ev_retry_after
         limit 10
    loop
        begin
            perform pgq.insert_event_raw(v_event.queue_name, v_event.ev_id, v_event.ev_time, v_event.ev_owner, v_event.ev_retry,
                                         v_event.ev_type, v_event.ev_data,
                                         v_event.ev_extra1, v_event.ev_extra2, v_event.ev_extra3, v_event.ev_extra4);
            delete from pgq.retry_queue where ev_owner = v_event.ev_owner and ev_id = v_event.ev_id;
            v_count := v_count + 1;
        exception when others then
            raise warning 'event % of queue % was not put back: %', v_event.ev_id, v_event.queue_name, sqlerrm;
        end;
    end loop;
    return v_count;
end;
$$;
