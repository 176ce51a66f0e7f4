-- Rotation: the oldest event table of a queue is emptied and becomes the current one, in two transactions.
--
-- Invariant: a row is emptied away only when every consumer has passed it, wherever its writer put it; and every tick
-- that remains can still be read in full. A writer that holds a snapshot from before a rotation may put rows into any
-- table, so not the dates of switches decide this, but the rows in the table.
-- Order: step 1 commits before the transaction of step 2 gets its id.
-- Fails by: without step 2 nothing is lost and nothing rotates until pgq.maint_operations lists it again.

-- ----------------------------------------------------------------------
-- Function: pgq.maint_rotate_tables_step1(1)
--
--      Empties the queue's oldest table and makes it current, if the rotation period has passed, every consumer
--      has passed the last rotation, no session uses the table, and it holds no row that a consumer still needs.
--      Otherwise the next call tries again. It waits for nobody: an open transaction that keeps the queue's row (one that
--      ticks, registers a consumer or puts an event off) would hold up the caller's other queues, and while the lock is
--      waited for nobody could tick the queue.
--
-- Parameters:
--      i_queue_name    - name of the queue
--
-- Returns:
--      0
--
-- Writes:
--      pgq.queue, pgq.tick; truncates an event table
--
-- Called by:
--      sql/shard/rotate.sql, pgqd, users
-- ----------------------------------------------------------------------
create or replace function pgq.maint_rotate_tables_step1(i_queue_name text)
returns integer
language plpgsql
-- Event tables are never analysed; without these settings the planner would read the whole table under the lock.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_queue     pgq.queue;
    v_lowest    bigint;
    v_snapshot  txid_snapshot;
    v_next      integer;
    v_table     text;
    v_strays    bigint[];
begin
    -- A look first: a call that has nothing to do takes no lock.
    perform 1 from pgq.queue
      where queue_name = i_queue_name and queue_switch_step2 is not null and queue_switch_time + queue_rotation_period < now();
    if not found then
        return 0;
    end if;
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'rotation needs a READ COMMITTED transaction, this one is %: it could not see what the table holds',
                        upper(current_setting('transaction_isolation'));
    end if;

    select * into v_queue
      from pgq.queue
     where queue_name = i_queue_name and queue_switch_step2 is not null and queue_switch_time + queue_rotation_period < now()
       for update skip locked;
    if not found then
        return 0;
    end if;
    if txid_current() < v_queue.queue_switch_step1 then
        raise exception 'queue % maint failure: step1=%, current=%', i_queue_name, v_queue.queue_switch_step1, txid_current();
    end if;

    select min(sub_last_tick) into v_lowest from pgq.subscription where sub_queue = v_queue.queue_id;
    if v_lowest is not null then
        select tick_snapshot into v_snapshot from pgq.tick where tick_queue = v_queue.queue_id and tick_id = v_lowest;
        if not found then
            raise exception 'queue % maint failure: tick % not found', i_queue_name, v_lowest;
        end if;
        if txid_snapshot_xmin(v_snapshot) <= v_queue.queue_switch_step2 then
            return 0;
        end if;
    end if;

    v_next := (v_queue.queue_cur_table + 1) % v_queue.queue_ntables;
    v_table := v_queue.queue_data_pfx || '_' || v_next;
    begin
        execute 'lock table ' || v_table || ' in access exclusive mode nowait';
    exception when lock_not_available then
        return 0;
    end;

    -- No transaction can be writing into the table now; those that did have ended, and this statement's snapshot sees their
    -- rows. Rows of writers that knew of the last switch are older than step 2, hence passed; the rest is checked.
    execute 'select array_agg(distinct ev_txid) from ' || v_table || ' where ev_txid >= $1'
       into v_strays using v_queue.queue_switch_step2;
    if v_lowest is not null
       and exists (select 1 from unnest(v_strays) t where not txid_visible_in_snapshot(t, v_snapshot)) then
        return 0;
    end if;

    execute 'truncate ' || v_table;
    update pgq.queue
       set queue_cur_table = v_next, queue_switch_time = now(), queue_switch_step1 = txid_current(), queue_switch_step2 = null
     where queue_id = v_queue.queue_id;

    -- Ticks that can no longer be read in full go: those from before the last switch, and those before a row that was
    -- emptied away just now.
    delete from pgq.tick
     where tick_queue = v_queue.queue_id
       and (txid_snapshot_xmin(tick_snapshot) < v_queue.queue_switch_step2
            or exists (select 1 from unnest(v_strays) t where not txid_visible_in_snapshot(t, tick_snapshot)));
    return 0;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.maint_rotate_tables_step2(0)
--
--      Records, for every queue that was rotated, that the rotation was committed. Refuses to do so in the
--      transaction that rotated, or in one that is older than it: that would prove nothing.
--
-- Parameters:
--      none
--
-- Returns:
--      0
--
-- Writes:
--      pgq.queue
--
-- Called by:
--      src/upkeep, pgqd, users
-- ----------------------------------------------------------------------
create or replace function pgq.maint_rotate_tables_step2()
returns integer
language plpgsql
as $$
declare
    v_name  text;
begin
    perform 1 from pgq.queue where queue_switch_step2 is null;
    if not found then
        return 0;
    end if;
    for v_name in select queue_name from pgq.queue where queue_switch_step2 is null and queue_switch_step1 >= txid_current() loop
        raise exception 'step 2 of the rotation of queue % needs a later transaction than step 1: commit, then call it again', v_name;
    end loop;
    update pgq.queue set queue_switch_step2 = txid_current() where queue_switch_step2 is null and queue_switch_step1 < txid_current();
    return 0;
end;
$$;
