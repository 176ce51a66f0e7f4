-- ----------------------------------------------------------------------
-- Function: tributary.send(7)
--
--      Inserts events that a handler sends into a central queue, in the order of the arrays, in the transaction that finishes
--      the events they come from. The arrays are of one length.
--
-- Parameters:
--      x_queue     - central queue
--      x_type      - types
--      x_data      - payloads
--      x_extra1..4 - further fields; one of them carries the origin
--
-- Returns:
--      id of the transaction, which a tick has to cover once it has committed; an error where the queue does not exist, and
--      those of tributary.begin_events
--
-- Writes:
--      the queue's current event table
--
-- Called by:
--      src/workers/child/transaction/outbox.ts
-- ----------------------------------------------------------------------
create or replace function tributary.send(
    x_queue text, x_type text[], x_data text[], x_extra1 text[], x_extra2 text[], x_extra3 text[], x_extra4 text[])
returns bigint as $$
declare
    -- The transaction has its id before PgQ chooses a table: otherwise a rotation in between could lose the events.
    v_xid   bigint := tributary.begin_events(x_queue);
begin
    perform 1 from pgq.queue where queue_name = x_queue;
    if not found then
        raise exception using errcode = 'undefined_object',
            message = format('Queue %s does not exist on central: run `tributary install`.', x_queue);
    end if;
    perform pgq.insert_event(x_queue, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4)
    from (select * from unnest(x_type, x_data, x_extra1, x_extra2, x_extra3, x_extra4)
                        with ordinality u (type, data, extra1, extra2, extra3, extra4, place)
          order by u.place) e;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
