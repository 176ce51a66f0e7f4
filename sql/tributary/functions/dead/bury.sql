-- ----------------------------------------------------------------------
-- Function: tributary.bury(3)
--
--      Makes events of a batch dead events, with everything needed to hand them out again.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group that could not handle them
--      x_events    - array of objects: id, time, retry, type, data, extra1..4, origin, kind, attempts, error, sqlstate,
--                    stack
--
-- Returns:
--      how many
--
-- Writes:
--      tributary.dead_event, tributary.attempt
--
-- Called by:
--      src/workers/child/call/write-outcomes.ts
-- ----------------------------------------------------------------------
create or replace function tributary.bury(x_queue text, x_group text, x_events json)
returns integer as $$
    with event as (
        select * from json_to_recordset(x_events) as (
            id bigint, "time" timestamptz, retry integer, type text, data text, extra1 text, extra2 text, extra3 text,
            extra4 text, origin text, kind text, attempts integer, error text, sqlstate text, stack text)
    ), waited as (
        delete from tributary.attempt a using event e
        where a.central_queue = x_queue and a.group_name = x_group and a.ev_id = e.id
        returning a.ev_id, a.first_at
    ), dead as (
        insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                          ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, sqlstate, stack, attempts,
                                          first_at, group_name)
        select e.kind, x_queue, e.origin, e.id, e."time", e.retry, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4,
               e.error, e.sqlstate, e.stack, e.attempts, coalesce(w.first_at, now()),
               nullif(split_part(x_group, '/', 2), '')
        from event e left join waited w on w.ev_id = e.id
        returning 1
    )
    select count(*)::integer from dead;
$$ language sql set search_path = pg_catalog, pg_temp;
