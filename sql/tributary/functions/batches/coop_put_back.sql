-- ----------------------------------------------------------------------
-- Function: tributary.coop_put_back(3)
--
--      Part of a batch may be done already (see tributary.narrowing), and a member that does not know this would do it
--      again. Before the batch goes to such a member, the events that are not done are put into PgQ's retry queue for the
--      group, unchanged, and the batch ends. The group gets them again in a later batch.
--
-- Parameters:
--      x_batch     - token, just handed out
--      x_queue     - its queue
--      x_group     - its group
--
-- Returns:
--      true - the batch has ended; false - nothing of it is done, and it can be handled as a whole
--
-- Writes:
--      pgq.retry_queue, tributary.dead_event, and what tributary.coop_finish_batch writes
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_put_back(x_batch bigint, x_queue text, x_group text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_done  bigint;
    v_owner integer;
    e       record;
begin
    select n.last_event_id, b.sub_id into v_done, v_owner
    from pgq.subscription b
    join tributary.narrowing n on n.central_queue = x_queue and n.group_name = x_group
        and n.start_tick = b.sub_last_tick and n.end_tick = b.sub_next_tick
    where b.sub_batch = x_batch;
    if v_done is null then
        return false;
    end if;
    for e in select * from pgq.get_batch_events(x_batch) b where b.ev_id > v_done loop
        if exists (select from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.ev_id) then
            insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                              ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts, group_name)
            values ('conflict', x_queue, e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
                    e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                    'Its batch went to a program that does not know what was done of it, and another event with the id '
                    || e.ev_id || ' waits already.', 1, nullif(split_part(x_group, '/', 2), ''));
            continue;
        end if;
        perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp(), e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
                                    e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4);
    end loop;
    perform tributary.coop_finish_batch(x_batch);
    return true;
end;
$$;

revoke all on function tributary.coop_put_back(bigint, text, text) from public;
