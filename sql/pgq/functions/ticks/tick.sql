-- Decides whether a tick is due, and writes it under a lock. Used by the forms of pgq.ticker; granted to no role.
--
-- Invariant: the snapshots of a queue's ticks grow with their ids. One transaction at a time ticks a queue (the lock on the
-- queue's row lasts until its commit), each takes its snapshot after it has the lock, and a snapshot older than the last is
-- refused. Only roles that may write to pgq.queue can take that lock.

-- ----------------------------------------------------------------------
-- Function: pgq._tick_due(1)
--
--      Decides whether a queue is to be ticked now: it never was; or something is new, and enough of it or the last
--      tick long enough ago; or nothing is new, and the last gap has doubled or the idle period has passed.
--      Only reads, so that an idle ticker assigns no transaction id.
--
-- Parameters:
--      i_queue     - row of the queue
--
-- Returns:
--      is a tick due?
--
-- Writes:
--      none
--
-- Called by:
--      pgq._tick
-- ----------------------------------------------------------------------
create or replace function pgq._tick_due(i_queue pgq.queue)
returns boolean
language plpgsql
as $$
declare
    v_last  pgq.tick;
    v_prev  pgq.tick;
    v_now   txid_snapshot;
    v_seq   bigint;
    v_new   bigint;
    v_lag   interval;
begin
    select * into v_last from pgq.tick where tick_queue = i_queue.queue_id order by tick_id desc limit 1;
    if not found then
        return true;
    end if;

    -- Taken after the look: a tick that another session made in between would seem to come from the future.
    v_now := txid_current_snapshot();
    if txid_snapshot_xmin(v_last.tick_snapshot) > txid_snapshot_xmax(v_now) then
        raise exception 'Invalid PgQ state: old xmin=%, old xmax=%, cur txid=%',
            txid_snapshot_xmin(v_last.tick_snapshot), txid_snapshot_xmax(v_last.tick_snapshot), txid_snapshot_xmax(v_now)
            using hint = 'The ticks of this queue come from a server with higher transaction ids, as after a restore. '
                || 'Events that are written now may never be delivered: stop the producers, stop this server, raise its next '
                || 'transaction id with pg_resetwal (--next-transaction-id, --epoch) above the ticks'', and start it again.';
    end if;

    v_seq := coalesce(pg_sequence_last_value(i_queue.queue_event_seq::regclass), 0);
    v_new := v_seq - v_last.tick_event_seq;
    v_lag := now() - v_last.tick_time;
    if v_new < 0 then
        raise warning 'queue % has last tick at event % but its sequence is at %', i_queue.queue_name, v_last.tick_event_seq, v_seq;
    end if;

    if v_new > 0 then
        -- A negative lag means that the clock was set back; until it has caught up hours may pass.
        return v_new >= i_queue.queue_ticker_max_count
            or v_lag >= i_queue.queue_ticker_max_lag
            or v_lag < interval '0';
    end if;

    select * into v_prev
      from pgq.tick
     where tick_queue = i_queue.queue_id and tick_id < v_last.tick_id
     order by tick_id desc limit 1;
    if not found then
        return true;
    end if;
    return v_lag >= i_queue.queue_ticker_max_lag / 2
       and (v_lag >= (v_last.tick_time - v_prev.tick_time) * 2 or v_lag >= i_queue.queue_ticker_idle_period);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._tick(2)
--
--      Ticks a queue if that is due and no other session is doing it.
--
-- Parameters:
--      i_queue_id  - the queue
--      i_wait      - wait for the queue's row where a rotation or a drop has locked it; another ticker is not waited for
--
-- Returns:
--      id of the new tick, or null
--
-- Writes:
--      pgq.tick
--
-- Called by:
--      pgq.ticker(0), pgq.ticker(1)
-- ----------------------------------------------------------------------
create or replace function pgq._tick(i_queue_id integer, i_wait boolean)
returns bigint
language plpgsql
as $$
declare
    v_queue     pgq.queue;
    v_tick_id   bigint;
begin
    select * into v_queue from pgq.queue where queue_id = i_queue_id;
    if not found then
        return null;
    end if;
    if not pgq._tick_due(v_queue) then
        return null;
    end if;

    loop
        -- A lock that lets other sessions refer to the row: registrations go on.
        select * into v_queue from pgq.queue where queue_id = i_queue_id for no key update skip locked;
        exit when found;
        -- If the row can be referred to but not locked, another ticker holds it; if neither, a rotation or a drop does.
        perform 1 from pgq.queue where queue_id = i_queue_id for key share skip locked;
        if found or not i_wait then
            return null;
        end if;
        perform 1 from pgq.queue where queue_id = i_queue_id for key share;
        if not found then
            return null;
        end if;
    end loop;
    -- Checked again: the session that held the lock before may have made the tick.
    if not pgq._tick_due(v_queue) then
        return null;
    end if;

    perform pgq._divide(v_queue);
    v_tick_id := nextval(v_queue.queue_tick_seq::regclass);
    perform pgq._insert_tick(i_queue_id, v_tick_id, now(),
                             coalesce(pg_sequence_last_value(v_queue.queue_event_seq::regclass), 0));
    return v_tick_id;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._insert_tick(4)
--
--      Writes a tick with the snapshot of this moment, unless that is not newer than the queue's last one.
--
-- Parameters:
--      i_queue_id  - the queue
--      i_tick_id   - id of the tick
--      i_time      - its time
--      i_event_seq - event sequence read before the snapshot
--
-- Returns:
--      nothing
--
-- Writes:
--      pgq.tick
--
-- Called by:
--      pgq._tick, pgq.ticker(4)
-- ----------------------------------------------------------------------
create or replace function pgq._insert_tick(i_queue_id integer, i_tick_id bigint, i_time timestamptz, i_event_seq bigint)
returns void
language plpgsql
as $$
declare
    v_old   txid_snapshot;
    v_new   txid_snapshot;
begin
    select tick_snapshot into v_old from pgq.tick where tick_queue = i_queue_id order by tick_id desc limit 1;
    if found and current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'a tick needs a READ COMMITTED transaction, this one is %: its snapshot may be older than the last tick',
                        upper(current_setting('transaction_isolation'));
    end if;

    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
    values (i_queue_id, i_tick_id, i_time, i_event_seq)
    returning tick_snapshot into v_new;

    if txid_snapshot_xmin(v_new) < txid_snapshot_xmin(v_old) or txid_snapshot_xmax(v_new) < txid_snapshot_xmax(v_old) then
        raise exception 'Invalid PgQ state: old xmin=%, old xmax=%, cur txid=%',
            txid_snapshot_xmin(v_old), txid_snapshot_xmax(v_old), txid_current()
            using hint = 'The last tick has a newer snapshot than this server can give, as after a restore: stop the producers, '
                || 'and raise this server''s next transaction id with pg_resetwal (--next-transaction-id, --epoch) above it.';
    end if;
end;
$$;
