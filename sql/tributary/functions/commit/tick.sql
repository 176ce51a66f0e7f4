-- ----------------------------------------------------------------------
-- Function: tributary.tick(2)
--
--      Ticks a central queue so that a tick covers what has been committed, and notifies the workers; under the lock on the
--      queue's row that all of Tributary's tickers take, and that only roles with the right to write there can take.
--
-- Parameters:
--      x_queue     - central queue
--      x_xid       - transaction that a tick must cover; null: whatever is committed and in no tick yet
--
-- Returns:
--      true where a tick covers it (or nothing has to be covered), false where the caller has to ask again; raises TB012
--      where the newest tick has transaction ids from the future, so that it would seem to cover everything
--
-- Writes:
--      pgq.tick, the queue's sequences
--
-- Called by:
--      src/upkeep/central-ticker.ts, src/upkeep/central-upkeep.ts, src/workers/child/sent-ticks.ts
-- ----------------------------------------------------------------------
create or replace function tributary.tick(x_queue text, x_xid bigint)
returns boolean as $$
declare
    q           record;
    t           record;
    v_covered   boolean;
begin
    select queue_id, queue_event_seq, queue_data_pfx, queue_external_ticker or queue_ticker_paused as not_ours
    into q from pgq.queue where queue_name = x_queue;
    if not found or q.not_ours then
        return true;
    end if;
    select tick_id, tick_snapshot, tick_event_seq into t
    from pgq.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found then
        if txid_snapshot_xmax(t.tick_snapshot) > txid_snapshot_xmax(txid_current_snapshot()) then
            perform tributary.refuse_younger(x_queue, t.tick_snapshot);
        end if;
        if x_xid is not null then
            v_covered := txid_visible_in_snapshot(x_xid, t.tick_snapshot);
        else
            -- Not by the sequence: a transaction that commits late took its event ids before the tick.
            execute format('select not exists (select from %1$s where ev_txid >= $1)
                               and not exists (select from %1$s where ev_txid = any ($2))', q.queue_data_pfx)
            into v_covered using txid_snapshot_xmax(t.tick_snapshot), array(select txid_snapshot_xip(t.tick_snapshot));
        end if;
        if v_covered then
            return true;
        end if;
    end if;
    perform from pgq.queue k where k.queue_id = q.queue_id for no key update skip locked;
    if not found then
        return false;
    end if;
    -- Every statement from here on sees the effects of the last holder of the lock.
    select tick_event_seq into t from pgq.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found and pgq.seq_getval(q.queue_event_seq) <= t.tick_event_seq then
        perform nextval(q.queue_event_seq);
    end if;
    if pgq.ticker(x_queue) is null then
        return false;
    end if;
    perform pg_notify('tributary_tick', x_queue);
    return true;
end;
$$ language plpgsql
   -- Event tables are never analysed; without these the planner would read a whole table to find that it holds nothing new.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
