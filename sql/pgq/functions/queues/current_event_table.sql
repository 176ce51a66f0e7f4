-- ----------------------------------------------------------------------
-- Function: pgq.current_event_table(1)
--
--      The table that events go into now, for programs that COPY them there. The answer is valid inside the
--      transaction, because the function gives it an id before it looks: a batch then searches the table.
--      pgq.insert_events needs no table name and no privilege on it.
--
-- Parameters:
--      x_queue_name    - name of the queue
--
-- Returns:
--      name of the table with its schema
--
-- Writes:
--      none
--
-- Called by:
--      src/central, users
-- ----------------------------------------------------------------------
create or replace function pgq.current_event_table(x_queue_name text)
returns text
language plpgsql
as $$
declare
    v_txid      bigint := txid_current();
    v_table     text;
    v_disabled  boolean;
begin
    select queue_data_pfx || '_' || queue_cur_table, queue_disable_insert
      into v_table, v_disabled
      from pgq.queue
     where queue_name = x_queue_name;
    if not found then
        raise exception 'Event queue not found';
    end if;
    if v_disabled and current_setting('session_replication_role') <> 'replica' then
        raise exception 'Writing to queue disabled';
    end if;
    return v_table;
end;
$$;
