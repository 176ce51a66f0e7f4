-- ----------------------------------------------------------------------
-- Function: tributary.note_handled(17)
--
--      Notes which worker handled a batch or a part of it, in the transaction of the effects; for `trace`. Nothing that it is
--      given can make it fail: the batch must not fail by it.
--
-- Parameters:
--      x_queue         - central queue
--      x_start, x_end  - first and last tick of the batch
--      x_last          - id of the last event that is done; null: the batch is done to its end
--      x_token, x_openings - the batch's token, and how many times it was handed out
--      x_worker, x_host, x_pid - who handled it
--      x_events, x_put_off, x_dead - how many events the transaction settles, and how many of them failed
--      x_calls, x_calls_ms, x_longest_ms - calls of the handler: how many, how long together, the longest
--      x_fates         - JSON array of {id, became, attempts, error, after_ms}: events that were put off, died, or were
--                        handled after failures; null: none
--      x_lane          - lane that the batch is of; null: its group has none
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.handled_0, tributary.handled_1
--
-- Called by:
--      src/workers/child/call/part-note.ts
-- ----------------------------------------------------------------------
create or replace function tributary.note_handled(
    x_queue text, x_start bigint, x_end bigint, x_last bigint, x_token bigint, x_openings integer,
    x_worker text, x_host text, x_pid integer, x_events integer, x_put_off integer, x_dead integer,
    x_calls integer, x_calls_ms real, x_longest_ms real, x_fates text, x_lane integer default null)
returns void as $$
begin
    -- Two statements, so that the plan of each is kept.
    if (select t.current from tributary.handled_table t) = 0 then
        insert into tributary.handled_0 (central_queue, start_tick, end_tick, last_event_id, token, openings, worker, host, pid,
            events, put_off, dead, calls, calls_ms, longest_ms, fates, lane)
        values (x_queue, x_start, x_end, x_last, x_token, x_openings, x_worker, x_host, x_pid,
            x_events, x_put_off, x_dead, x_calls, x_calls_ms, x_longest_ms, x_fates, x_lane);
    else
        insert into tributary.handled_1 (central_queue, start_tick, end_tick, last_event_id, token, openings, worker, host, pid,
            events, put_off, dead, calls, calls_ms, longest_ms, fates, lane)
        values (x_queue, x_start, x_end, x_last, x_token, x_openings, x_worker, x_host, x_pid,
            x_events, x_put_off, x_dead, x_calls, x_calls_ms, x_longest_ms, x_fates, x_lane);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.rotate_handled(2)
--
--      Empties the older of the two tables of what was handled by TRUNCATE and makes it the current one, where the current one
--      has been filled for long enough or is large. A worker that has just looked which one is current may still write into the
--      other one: that row stays until the next rotation.
--
-- Parameters:
--      x_period    - how old the last switch must be; the history reaches back at least this long, unless the size ends it
--      x_bytes     - a table of this size is full
--
-- Returns:
--      true where it switched; false where it is not due, or somebody uses the older table at this moment
--
-- Writes:
--      tributary.handled_0, tributary.handled_1, tributary.handled_table
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.rotate_handled(x_period interval, x_bytes bigint)
returns boolean as $$
declare
    v_current   integer;
begin
    select t.current into v_current
    from tributary.handled_table t
    where t.switched_at <= now() - x_period
        or pg_relation_size(format('tributary.handled_%s', t.current)::regclass) >= x_bytes;
    if not found then
        return false;
    end if;
    begin
        lock table tributary.handled_table in share row exclusive mode nowait;
        execute format('lock table tributary.handled_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    update tributary.handled_table set current = 1 - v_current, switched_at = now() where current = v_current;
    if not found then
        return false;
    end if;
    execute format('truncate tributary.handled_%s', 1 - v_current);
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
