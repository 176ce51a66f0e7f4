-- ----------------------------------------------------------------------
-- Function: pgq.tune_storage(1)
--
--      Sets the storage of a queue's event tables: rows are only added and the table emptied whole, so pages are
--      filled and autovacuum stays away.
--
-- Parameters:
--      i_queue_name    - name of the queue
--
-- Returns:
--      1 - done
--      0 - no such queue
--
-- Writes:
--      no table; storage settings
--
-- Called by:
--      pgq.create_queue, users
-- ----------------------------------------------------------------------
create or replace function pgq.tune_storage(i_queue_name text)
returns integer
language plpgsql
strict
as $$
declare
    v_queue pgq.queue;
begin
    select * into v_queue from pgq.queue where queue_name = i_queue_name;
    if not found then
        return 0;
    end if;
    for n in 0 .. v_queue.queue_ntables - 1 loop
        execute format('alter table %s_%s set (fillfactor = 100, autovacuum_enabled = off, toast.autovacuum_enabled = off)',
                       v_queue.queue_data_pfx, n);
    end loop;
    return 1;
end;
$$;
