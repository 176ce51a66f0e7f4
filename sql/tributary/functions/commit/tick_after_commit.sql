-- ----------------------------------------------------------------------
-- Function: tributary.tick_after_commit(2)
--
--      Ticks a central queue in the message that committed events into it, so that workers need not wait for another message.
--      Never raises: an error behind a commit would look like one of the commit.
--
-- Parameters:
--      x_queue     - central queue
--      x_xid       - transaction that a tick must cover; just committed
--
-- Returns:
--      true where a tick covers it; false: call tributary.tick, which raises the reason where there is one
--
-- Writes:
--      pgq.tick, the queue's sequences
--
-- Called by:
--      src/central/commit/tick-sql.ts
-- ----------------------------------------------------------------------
create or replace function tributary.tick_after_commit(x_queue text, x_xid bigint)
returns boolean as $$
begin
    -- More ticks than that make more batches than they save time. A commit that is large enough for a batch of its own is not
    -- joined with the next one: a batch stays no larger than what one commit of the mover may bring.
    perform from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
    where q.queue_name = x_queue and t.tick_time > clock_timestamp() - interval '20 ms'
      and t.tick_id = (select max(n.tick_id) from pgq.tick n where n.tick_queue = q.queue_id)
      and pgq.seq_getval(q.queue_event_seq) < t.tick_event_seq + 10000;
    if found then
        return false;
    end if;
    return tributary.tick(x_queue, x_xid);
exception when others then
    return false;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
