-- ----------------------------------------------------------------------
-- Function: tributary.narrowing_step(5)
--
--      Notes in the transaction of a slice's effects that the batch is done up to here. Refuses a worker whose batch has gone
--      to another, so that its effects roll back.
--
-- Parameters:
--      x_batch     - the worker's token
--      x_queue     - central queue
--      x_group     - the group
--      x_ticks     - first and last tick of the batch
--      x_last      - id of the slice's last event
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.narrowing, and what tributary.lane_done writes
--
-- Called by:
--      src/workers/child/narrowing/narrowing.ts
-- ----------------------------------------------------------------------
create or replace function tributary.narrowing_step(
    x_batch bigint, x_queue text, x_group text, x_ticks bigint[], x_last bigint)
returns void as $$
begin
    -- With this lock no other member can take the batch over before this transaction has ended.
    perform from pgq.subscription where sub_batch = x_batch for share;
    if not found then
        raise exception 'batch % has gone to another worker', x_batch using errcode = 'TB001';
    end if;
    insert into tributary.narrowing as n (central_queue, group_name, start_tick, end_tick, last_event_id)
    values (x_queue, x_group, x_ticks[1], x_ticks[2], x_last)
    on conflict on constraint narrowing_pkey do update
    set last_event_id = excluded.last_event_id, running_events = null, at = now();
    if strpos(x_group, '@') > 0 then
        perform tributary.lane_done(x_batch, x_last);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
