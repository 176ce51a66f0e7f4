-- ----------------------------------------------------------------------
-- Function: pgq._divide(1)
--
--      After a time without ticks, makes ticks that divide what has come since, so that no batch has more than some tens of
--      thousands of events; one transaction stays in one batch, however much it wrote.
--
--      A tick at transaction X says that all before X have ended. That is true of any X that is not above the oldest one
--      still running, also afterwards; and in the order of their X such ticks are in the order of their snapshots.
--
-- Parameters:
--      i_queue     - row of the queue, locked
--
-- Returns:
--      nothing
--
-- Writes:
--      pgq.tick, the queue's tick sequence
--
-- Called by:
--      pgq._tick
-- ----------------------------------------------------------------------
create or replace function pgq._divide(i_queue pgq.queue)
returns void
language plpgsql
-- Event tables are never analysed.
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_most  constant integer := 50000;
    v_last  pgq.tick;
    v_seq   bigint := coalesce(pg_sequence_last_value(i_queue.queue_event_seq::regclass), 0);
    v_cut   record;
begin
    select * into v_last from pgq.tick where tick_queue = i_queue.queue_id order by tick_id desc limit 1;
    if not found or v_seq - v_last.tick_event_seq <= 2 * v_most
       or current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        return;
    end if;
    for v_cut in execute format($sql$
        select e.ev_txid + 1 as txid, max(e.n) as events
          from (select ev_txid, row_number() over (order by ev_txid) as n
                  from %s
                 where ev_txid >= $1 and ev_txid < $2) e
         where e.n %% $3 = 0
         group by e.ev_txid
         order by e.ev_txid
        $sql$, i_queue.queue_data_pfx)
        using txid_snapshot_xmax(v_last.tick_snapshot), txid_snapshot_xmin(txid_current_snapshot()), v_most
    loop
        insert into pgq.tick (tick_queue, tick_id, tick_time, tick_snapshot, tick_event_seq)
        values (i_queue.queue_id, nextval(i_queue.queue_tick_seq::regclass), now(),
                (v_cut.txid || ':' || v_cut.txid || ':')::txid_snapshot,
                least(v_last.tick_event_seq + v_cut.events, v_seq));
    end loop;
end;
$$;
