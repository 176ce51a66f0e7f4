-- ----------------------------------------------------------------------
-- Function: tributary.coop_read(1)
--
--      Called before the events of a batch are read: leaves the token in the setting tributary.batch, for the transaction, so that
--      a COPY that reads them has the same text for each batch, and what it returns in tributary.batch_events (null: as a number
--      larger than any). A function, so that the plan of what it asks is kept.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      about how many events the batch has, by the ticks' sequence numbers; null for a token that is no longer valid
--
-- Writes:
--      none
--
-- Called by:
--      src/workers/child/reading/batch-reader.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_read(batch_id bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_events    bigint;
    v_lanes     integer;
begin
    select e.tick_event_seq - s.tick_event_seq, o.lanes into v_events, v_lanes
    from pgq.subscription b
    join pgq.tick s on s.tick_queue = b.sub_queue and s.tick_id = b.sub_last_tick
    join pgq.tick e on e.tick_queue = b.sub_queue and e.tick_id = b.sub_next_tick
    left join tributary.lane_set o on o.queue_id = b.sub_queue and o.sub_id = b.sub_id
    where b.sub_batch = batch_id;
    v_events := ceil(v_events::numeric / greatest(v_lanes, 1));
    perform set_config('tributary.batch_lane', case when v_lanes > 0 then 'yes' else '' end, true);
    perform set_config('tributary.batch', coalesce(batch_id::text, ''), true);
    perform set_config('tributary.batch_events', coalesce(v_events, 9223372036854775807)::text, true);
    return v_events;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.few_events(1)
--
--      The events of a small batch, as pgq.get_batch_events gives them, but by statements that the session has planned before: for a
--      batch of a few events planning costs several times what reading does. So where all of them belong into the queue's current
--      table and no other one has any, by a look like that of PgQ's own (a writer that a rotation has overtaken leaves its event in
--      an older one); anything else is left to pgq.get_batch_events. The look gives its locks back: a reader that kept one on the
--      table that is emptied next would hold up the rotation until its batch ends.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      the columns of pgq.get_batch_events; raises its error for a token that is no longer valid
--
-- Writes:
--      nothing but two statements of the session for each of the queue's tables, tributary_few_... and tributary_left_...
--
-- Called by:
--      src/workers/child/reading/batch-reader.ts
-- ----------------------------------------------------------------------
create or replace function tributary.few_events(batch_id bigint)
returns table (ev_id bigint, ev_time timestamptz, ev_txid bigint, ev_retry integer, ev_type text, ev_data text,
    ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
language plpgsql
-- Event tables are never analysed; without these the planner would read a whole table to find that it holds nothing new.
set enable_seqscan = off set enable_bitmapscan = off set jit = off set max_parallel_workers_per_gather = 0
set plan_cache_mode = force_generic_plan
as $$
declare
    v       record;
    v_low   bigint;
    v_args  text;
    v_is_left boolean := true;
begin
    select q.queue_data_pfx as tables, q.queue_cur_table as current, q.queue_ntables as count, b.sub_id,
        format('%s_%s', q.queue_id, q.queue_cur_table) as name, s.tick_snapshot as began, e.tick_snapshot as ended
    into v
    from pgq.subscription b
    join pgq.queue q on q.queue_id = b.sub_queue
    join pgq.tick s on s.tick_queue = b.sub_queue and s.tick_id = b.sub_last_tick
    join pgq.tick e on e.tick_queue = b.sub_queue and e.tick_id = b.sub_next_tick
    where b.sub_batch = batch_id and txid_snapshot_xmin(s.tick_snapshot) > q.queue_switch_step2;
    if found then
        -- The range begins with the oldest transaction that was open at the start and has ended since.
        v_low := coalesce((select x from txid_snapshot_xip(v.began) x where txid_visible_in_snapshot(x, v.ended) order by x limit 1),
            txid_snapshot_xmax(v.began));
        if txid_snapshot_xmax(v.began) - v_low <= 10000 then
            v_args := format('(%s, %L, %L, %s)', v_low, v.began, v.ended, v.sub_id);
            begin
                begin
                    execute format('execute tributary_left_%s%s', v.name, v_args) into v_is_left;
                exception when invalid_sql_statement_name then
                    -- What is prepared outlives the block that is rolled back.
                    perform tributary.prepare_few(v.name, v.tables, v.current, v.count);
                    execute format('execute tributary_left_%s%s', v.name, v_args) into v_is_left;
                end;
                raise exception using errcode = 'TB0LK', message = 'only to give back the locks';
            exception when sqlstate 'TB0LK' then
                null;
            end;
        end if;
    end if;
    if v_is_left then
        return query select r.* from pgq.get_batch_events(batch_id) r;
    else
        return query execute format('execute tributary_few_%s%s', v.name, v_args);
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.prepare_few(4)
--
--      Prepares the two statements of tributary.few_events for a queue whose events go to one of its tables now.
--
-- Parameters:
--      x_name      - what their names end in
--      x_tables    - what the names of its tables begin with
--      x_current   - number of the current one
--      x_count     - how many there are
--
-- Returns:
--      nothing
--
-- Writes:
--      two statements of the session
--
-- Called by:
--      tributary.few_events
-- ----------------------------------------------------------------------
create or replace function tributary.prepare_few(x_name text, x_tables text, x_current integer, x_count integer)
returns void
language plpgsql
as $$
declare
    v_where constant text := 'e.ev_txid >= $1 and e.ev_txid < pg_catalog.txid_snapshot_xmax($3)'
        ' and pg_catalog.txid_visible_in_snapshot(e.ev_txid, $3) and not pg_catalog.txid_visible_in_snapshot(e.ev_txid, $2)'
        ' and (e.ev_owner is null or e.ev_owner = $4)';
    v_types constant text := '(bigint, pg_catalog.txid_snapshot, pg_catalog.txid_snapshot, integer)';
    v_others        text;
begin
    select string_agg(format('exists (select from %s_%s e where %s)', x_tables, n, v_where), ' or ') into v_others
    from generate_series(0, x_count - 1) n where n <> x_current;
    execute format('prepare tributary_left_%s %s as select %s', x_name, v_types, coalesce(v_others, 'false'));
    execute format('prepare tributary_few_%s %s as select e.ev_id, e.ev_time, e.ev_txid, e.ev_retry, e.ev_type, e.ev_data,'
        ' e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4 from %s_%s e where %s order by 1',
        x_name, v_types, x_tables, x_current, v_where);
end;
$$;
