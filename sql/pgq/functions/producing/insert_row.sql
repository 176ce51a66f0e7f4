-- ----------------------------------------------------------------------
-- Function: pgq._write_insert_row(0)
--
--      Writes pgq._insert_row(queue, table, fields of an event), which inserts into the tables of the queues that exist and
--      returns false for others. Its statements name their tables, so that a session plans each of them once; a dynamic
--      statement would be planned for each event, which costs as much as everything else.
--
--      A session reads the whole function at its first event, so only the oldest 32 queues are in it. Other queues get
--      their events by dynamic statements. The part for a queue that was dropped is never reached.
--
--      Order: the caller holds the lock on pgq.event_template that install takes and that creating a table which inherits
--      from it takes, until it commits: two at once would fail.
--
-- Parameters:
--      none
--
-- Returns:
--      nothing
--
-- Writes:
--      no table; the function
--
-- Called by:
--      pgq.create_queue; itself, at every install
-- ----------------------------------------------------------------------
create or replace function pgq._write_insert_row()
returns void
language plpgsql
as $$
declare
    v_most  constant integer := 32;
    v_queue record;
    v_body  text := '';
begin
    for v_queue in select queue_id, queue_ntables, queue_data_pfx from pgq.queue order by queue_id limit v_most loop
        v_body := v_body || format('if i_queue = %s then ', v_queue.queue_id);
        for n in 0 .. v_queue.queue_ntables - 1 loop
            v_body := v_body || format(
                'if i_table = %s then '
                'insert into %s_%s values (i_id, i_time, i_txid, i_owner, i_retry, i_type, i_data, i_extra1, i_extra2, i_extra3, i_extra4); '
                'return true; '
                'end if; ', n, v_queue.queue_data_pfx, n);
        end loop;
        v_body := v_body || 'end if; ';
    end loop;
    v_body := 'begin ' || v_body || 'return false; end';

    perform 1 from pg_catalog.pg_proc where proname = '_insert_row' and pronamespace = 'pgq'::regnamespace and prosrc = v_body;
    if not found then
        execute format($sql$
            create or replace function pgq._insert_row(
                i_queue integer, i_table integer, i_id bigint, i_time timestamptz, i_txid bigint, i_owner integer, i_retry integer,
                i_type text, i_data text, i_extra1 text, i_extra2 text, i_extra3 text, i_extra4 text)
            returns boolean
            language plpgsql
            as %L$sql$, v_body);
    end if;
end;
$$;

select pgq._write_insert_row();
