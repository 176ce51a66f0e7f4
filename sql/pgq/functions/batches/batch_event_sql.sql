-- Which rows make a batch, as SQL text.
--
-- Invariant: a batch is the committed events whose transaction is finished in the snapshot of its end tick and was not
-- in that of its start tick, in any of the queue's tables. Event ids are no bounds: a transaction that commits late has
-- lower ids than the start tick's sequence.

-- ----------------------------------------------------------------------
-- Function: pgq._batch_arms(2)
--
--      The conditions on ev_txid under which a row lies between two snapshots; each row fulfils at most one. The
--      first is a range for the index, from where the start snapshot ends; transactions that were open at the start
--      and ended since widen it where they are near, and else make the second, a list. One ancient transaction then
--      does not make the batch read everything since.
--
-- Parameters:
--      i_start     - snapshot of the start tick
--      i_end       - snapshot of the end tick
--
-- Returns:
--      one or two conditions
--
-- Writes:
--      none
--
-- Called by:
--      pgq._batch_tables, pgq.batch_event_sql
-- ----------------------------------------------------------------------
create or replace function pgq._batch_arms(i_start txid_snapshot, i_end txid_snapshot)
returns text[]
language plpgsql
immutable
as $$
declare
    v_low   bigint := txid_snapshot_xmax(i_start);
    v_list  bigint[] := '{}';
    v_txid  bigint;
    v_arms  text[];
begin
    for v_txid in
        select t from txid_snapshot_xip(i_start) t where txid_visible_in_snapshot(t, i_end) order by t desc
    loop
        if v_low - v_txid <= 100 then
            v_low := v_txid;
        else
            v_list := v_list || v_txid;
        end if;
    end loop;

    v_arms := array[format(
        'ev_txid >= %s and ev_txid < %s and txid_visible_in_snapshot(ev_txid, %L) and not txid_visible_in_snapshot(ev_txid, %L)',
        v_low, txid_snapshot_xmax(i_end), i_end, i_start)];
    if cardinality(v_list) > 0 then
        v_arms := v_arms || format('ev_txid in (%s)', array_to_string(v_list, ', '));
    end if;
    return v_arms;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._batch_tables(3)
--
--      The tables that hold rows of a batch. Tables where events belong by the dates of the last switch are taken without
--      a look; the others are searched, because a writer that was overtaken by a rotation may have left a row in any of
--      them. The search releases its locks: a reader that kept one on the table to be emptied next would hold up the
--      rotation until its transaction ends.
--
-- Parameters:
--      i_queue     - row of the queue
--      i_start     - snapshot of the start tick
--      i_end       - snapshot of the end tick
--
-- Returns:
--      names with schema
--
-- Writes:
--      none
--
-- Called by:
--      pgq.batch_event_sql, pgq.batch_event_tables
-- ----------------------------------------------------------------------
create or replace function pgq._batch_tables(i_queue pgq.queue, i_start txid_snapshot, i_end txid_snapshot)
returns setof text
language plpgsql
-- Event tables are never analysed; without these settings the planner would read a whole table to find nothing.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
set jit = off
as $$
declare
    v_where     text := '(' || array_to_string(pgq._batch_arms(i_start, i_end), ') or (') || ')';
    v_cur       integer := i_queue.queue_cur_table;
    v_prev      integer := (i_queue.queue_cur_table + i_queue.queue_ntables - 1) % i_queue.queue_ntables;
    v_table     text;
    v_found     boolean;
begin
    for n in 0 .. i_queue.queue_ntables - 1 loop
        v_table := i_queue.queue_data_pfx || '_' || n;
        if (n = v_cur and txid_snapshot_xmax(i_end) >= i_queue.queue_switch_step1)
           or (n = v_prev and not coalesce(txid_snapshot_xmin(i_start) > i_queue.queue_switch_step2, false)) then
            return next v_table;
        elsif pg_relation_size(v_table::regclass) > 0 then
            begin
                execute 'select exists (select 1 from ' || v_table || ' where ' || v_where || ')' into v_found;
                raise exception using errcode = 'PGQ01', message = 'only to give back the lock';
            exception when sqlstate 'PGQ01' then
                if v_found then
                    return next v_table;
                end if;
            end;
        end if;
    end loop;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.batch_event_tables(1)
--
--      Names the tables that hold events of a batch.
--
-- Parameters:
--      x_batch_id      - id of the batch
--
-- Returns:
--      names with schema
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.batch_event_tables(x_batch_id bigint)
returns setof text
language plpgsql
-- See pgq.next_batch_custom.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_batch record;
begin
    select q, s.tick_snapshot as start_snapshot, e.tick_snapshot as end_snapshot into v_batch
      from pgq.subscription
      join pgq.queue q on q.queue_id = sub_queue
      join pgq.tick s on s.tick_queue = sub_queue and s.tick_id = sub_last_tick
      join pgq.tick e on e.tick_queue = sub_queue and e.tick_id = sub_next_tick
     where sub_batch = x_batch_id;
    if not found then
        raise exception 'batch not found';
    end if;
    return query select pgq._batch_tables(v_batch.q, v_batch.start_snapshot, v_batch.end_snapshot);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.batch_event_sql(1)
--
--      The query that reads a batch. Its text is no stable interface.
--
-- Parameters:
--      x_batch_id      - id of the batch
--
-- Returns:
--      text of a query
--
-- Writes:
--      none
--
-- Called by:
--      pgq.get_batch_events, pgq.get_batch_cursor, pgq.event_retry, pgq.batch_retry
-- ----------------------------------------------------------------------
create or replace function pgq.batch_event_sql(x_batch_id bigint)
returns text
language plpgsql
-- See pgq.next_batch_custom.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_batch record;
    v_table text;
    v_arm   text;
    v_parts text[] := '{}';
begin
    select q, sub_id, s.tick_snapshot as start_snapshot, e.tick_snapshot as end_snapshot into v_batch
      from pgq.subscription
      join pgq.queue q on q.queue_id = sub_queue
      join pgq.tick s on s.tick_queue = sub_queue and s.tick_id = sub_last_tick
      join pgq.tick e on e.tick_queue = sub_queue and e.tick_id = sub_next_tick
     where sub_batch = x_batch_id;
    if not found then
        raise exception 'batch not found';
    end if;

    for v_table in select pgq._batch_tables(v_batch.q, v_batch.start_snapshot, v_batch.end_snapshot) loop
        foreach v_arm in array pgq._batch_arms(v_batch.start_snapshot, v_batch.end_snapshot) loop
            v_parts := v_parts || format(
                'select ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4'
                ' from %s where %s and (ev_owner is null or ev_owner = %s)', v_table, v_arm, v_batch.sub_id);
        end loop;
    end loop;
    return array_to_string(v_parts, ' union all ') || ' order by 1';
end;
$$;
