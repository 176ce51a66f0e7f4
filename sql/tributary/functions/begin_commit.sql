-- ----------------------------------------------------------------------
-- Function: tributary.begin_commit(2)
--
--      First statement of a gathered commit that goes in one message, whose COPY therefore names the event table before it
--      could be asked for. The transaction owns its id before it looks, as it has to be: the other way round a rotation in
--      between would lose the events.
--
-- Parameters:
--      x_queue     - central queue
--      x_table     - where its events went the last time
--
-- Returns:
--      the transaction's id, which tributary.xid tells as well, behind the commit too; raises TB011 where events go to
--      another table by now
--
-- Writes:
--      none
--
-- Called by:
--      src/central/one-message.ts
-- ----------------------------------------------------------------------
create or replace function tributary.begin_commit(x_queue text, x_table text)
returns bigint as $$
declare
    v_xid   bigint := pg_current_xact_id()::text::bigint;
begin
    if pgq.current_event_table(x_queue) is distinct from x_table then
        raise exception using errcode = 'TB011', message = format('events of queue %s go to another table than %s', x_queue, x_table);
    end if;
    perform set_config('tributary.xid', v_xid::text, false);
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
