-- ----------------------------------------------------------------------
-- Function: tributary.begin_commit(2)
--
--      First statement of a gathered commit that goes in one message, whose COPY therefore names the event table before it
--      could be asked for. The transaction has its id before it looks for the table: the other way round a rotation in
--      between would lose the events.
--
-- Parameters:
--      x_queue     - central queue
--      x_table     - the table that its events went to the last time
--
-- Returns:
--      the transaction's id, which the setting tributary.xid has as well, also after the commit; raises TB011 where events
--      go to another table by now, and the errors of tributary.begin_events
--
-- Writes:
--      none
--
-- Called by:
--      src/central/commit/one-message.ts
-- ----------------------------------------------------------------------
create or replace function tributary.begin_commit(x_queue text, x_table text)
returns bigint as $$
declare
    v_xid   bigint := tributary.begin_events(x_queue);
begin
    perform tributary.commit_patience();
    if pgq.current_event_table(x_queue) is distinct from x_table then
        raise exception using errcode = 'TB011', message = format('events of queue %s go to another table than %s', x_queue, x_table);
    end if;
    perform set_config('tributary.xid', v_xid::text, false);
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.begin_events(1)
--
--      Called before every insert of events into a central queue: the transaction has its id before it asks for the queue's
--      table. Refuses where the newest tick takes that id for one that has ended: the server was restored with fewer
--      transaction ids than its ticks have, and no batch would ever contain the events.
--
-- Parameters:
--      x_queue     - central queue
--
-- Returns:
--      the transaction's id; raises TB012 where workers would never get its events
--
-- Writes:
--      none
--
-- Called by:
--      tributary.begin_commit, tributary.send, src/central/commit/commit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.begin_events(x_queue text)
returns bigint as $$
declare
    v_xid       bigint := pg_current_xact_id()::text::bigint;
    v_snapshot  txid_snapshot;
begin
    select t.tick_snapshot into v_snapshot
    from pgq.tick t where t.tick_queue = (select q.queue_id from pgq.queue q where q.queue_name = x_queue)
    order by t.tick_id desc limit 1;
    if txid_visible_in_snapshot(v_xid, v_snapshot) then
        perform tributary.refuse_younger(x_queue, v_snapshot);
    end if;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.refuse_younger(2)
--
--      Raises the error that this server has given out fewer transaction ids than a tick has, with the remedy.
--
-- Parameters:
--      x_queue     - central queue
--      x_snapshot  - of its newest tick
--
-- Returns:
--      never; raises TB012
--
-- Writes:
--      none
--
-- Called by:
--      tributary.begin_events, tributary.tick
-- ----------------------------------------------------------------------
create or replace function tributary.refuse_younger(x_queue text, x_snapshot txid_snapshot)
returns void as $$
begin
    raise exception using errcode = 'TB012', message = format(
        'the ticks of queue %s know %s more transaction ids than the server has given out, as after a restore into a younger'
        ' server, so workers would never get what is committed now: raise its next transaction id with pg_resetwal, as'
        ' docs/operating.md tells',
        x_queue, txid_snapshot_xmax(x_snapshot) - txid_snapshot_xmax(txid_current_snapshot()));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
