-- ----------------------------------------------------------------------
-- Function: tributary.put_off(5)
--
--      Puts events of a batch off: each goes to PgQ's retry queue with its id, time and payload, in one call for all of
--      them and without reading the batch again. An event whose id already waits there (ids are not unique) would be lost
--      without an error; it becomes a dead event instead.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group whose members get the events again
--      x_events    - array of objects: id, time, retry (as it will be handed out), type, data, extra1..4, origin,
--                    after_ms, attempts (failures so far), error
--      x_batch     - token; where it is of a lane that pauses keys, the events wait there: see tributary.lane_put_off
--      x_last      - up to this one the events of the batch are settled; null: all of them are
--
-- Returns:
--      how many became dead events
--
-- Writes:
--      pgq.retry_queue, tributary.attempt, tributary.dead_event, and what tributary.lane_put_off writes
--
-- Called by:
--      src/workers/child/call/write-outcomes.ts
-- ----------------------------------------------------------------------
create or replace function tributary.put_off(x_queue text, x_group text, x_events json, x_batch bigint default null, x_last bigint default null)
returns integer as $$
declare
    e           record;
    v_owner     integer;
    v_dead      integer := 0;
begin
    select s.sub_id into v_owner
    from pgq.subscription s
    join pgq.queue q on q.queue_id = s.sub_queue
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = x_queue and c.co_name = x_group;
    for e in
        select * from json_to_recordset(x_events) as (
            id bigint, "time" timestamptz, retry integer, type text, data text, extra1 text, extra2 text, extra3 text,
            extra4 text, origin text, after_ms float8, attempts integer, error text)
    loop
        if x_batch is not null and tributary.lane_put_off(x_batch, x_last, row_to_json(e),
                clock_timestamp() + e.after_ms * interval '1 millisecond', e.error) then
            null;
        elsif exists (select from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.id) then
            insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                              ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts, group_name)
            values ('conflict', x_queue, e.origin, e.id, e."time", e.retry, e.type, e.data,
                    e.extra1, e.extra2, e.extra3, e.extra4,
                    coalesce(e.error || ' ', '') || '(Another event with the id ' || e.id || ' waits for its retry.)',
                    greatest(e.attempts, 1), nullif(split_part(x_group, '/', 2), ''));
            v_dead := v_dead + 1;
            continue;
        else
            perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp() + e.after_ms * interval '1 millisecond',
                                        e.id, e."time", e.retry, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4);
        end if;
        insert into tributary.attempt as a (central_queue, group_name, ev_id, origin, attempts, last_error, next_at)
        values (x_queue, x_group, e.id, e.origin, e.attempts, e.error,
                clock_timestamp() + e.after_ms * interval '1 millisecond')
        on conflict (central_queue, group_name, ev_id) do update
        set attempts = excluded.attempts, last_error = coalesce(excluded.last_error, a.last_error),
            last_at = now(), next_at = excluded.next_at;
    end loop;
    return v_dead;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
