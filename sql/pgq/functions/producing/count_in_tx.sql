-- ----------------------------------------------------------------------
-- Function: pgq._count_in_tx(6)
--
--      Enforces a queue's queue_per_tx_limit: counts the events that this transaction put into the queue, including
--      those that it took back by rolling back to a savepoint, and refuses one too many. A rotation starts a new count.
--
--      The count is kept in the session's own last value of a sequence, the only thing in SQL that is private to a
--      session and that no rollback undoes: 40 bits name the transaction and table, 23 bits count.
--
-- Parameters:
--      i_queue_name    - name of the queue, for the message
--      i_data_pfx      - name of its event tables without the number
--      i_cur_table     - number of its current table
--      i_limit         - most events in one transaction
--      i_txid          - the caller's transaction id
--      i_count         - how many events are to come
--
-- Returns:
--      nothing
--
-- Writes:
--      none
--
-- Called by:
--      pgq.insert_event_raw, pgq.insert_events
-- ----------------------------------------------------------------------
create or replace function pgq._count_in_tx(
    i_queue_name text, i_data_pfx text, i_cur_table integer, i_limit integer, i_txid bigint, i_count bigint)
returns void
language plpgsql
as $$
declare
    v_seq       regclass := (i_data_pfx || '_limit_seq')::regclass;
    v_epoch     bigint := (i_txid * 8 + i_cur_table % 8) & ((1::bigint << 40) - 1);
    v_state     bigint := 0;
    v_count     bigint := 0;
begin
    begin
        v_state := currval(v_seq);
    exception when object_not_in_prerequisite_state then
        null; -- the session's first event for this queue
    end;
    if v_state >> 23 = v_epoch then
        v_count := v_state & ((1 << 23) - 1);
    end if;

    if v_count + i_count > i_limit then
        raise exception 'Queue ''%'' allows max % events from one TX', i_queue_name, i_limit;
    end if;
    perform setval(v_seq, (v_epoch << 23) | least(v_count + i_count, (1 << 23) - 1));
end;
$$;
