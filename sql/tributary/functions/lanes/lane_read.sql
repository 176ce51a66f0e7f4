-- ----------------------------------------------------------------------
-- Function: tributary.lane_batch_sql(2)
--
--      The query for the events of a batch as they came: all of them, or those of its lane, without those that wait.
--
-- Parameters:
--      x_batch     - token
--      x_where     - a further condition on the columns of pgq.get_batch_events
--
-- Returns:
--      SQL that gives rows as pgq.get_batch_events does
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_sql, tributary.lane_hold, tributary.lane_put_off
-- ----------------------------------------------------------------------
create or replace function tributary.lane_batch_sql(x_batch bigint, x_where text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lane      record;
    v_waiting   text := '';
begin
    select b.sub_queue, b.sub_id, b.sub_last_tick = b.sub_next_tick as is_empty, tributary.lane_filter(s.key, quote_literal(l.buckets) || '::integer[]') as own,
        exists (
            select from tributary.paused_key k
            where k.queue_id = b.sub_queue and k.sub_id = b.sub_id and k.bucket = any (l.buckets)) as has_paused
    into v_lane
    from pgq.subscription b
    left join tributary.lane l on l.queue_id = b.sub_queue and l.sub_id = b.sub_id and l.batch = b.sub_batch
    left join tributary.lane_set s on s.queue_id = l.queue_id and s.sub_id = l.sub_id
    where b.sub_batch = x_batch;
    if v_lane.is_empty then
        -- Nothing came with it, as with most that have a key's turn.
        return 'select ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 '
            'from pgq.event_template where false';
    end if;
    if v_lane.has_paused then
        -- Looked up one by one: as a join, planned for an empty table, each event would be compared with all that wait.
        v_waiting := format(
            ' and not exists (select from tributary.lane_waiting w where w.queue_id = %s and w.sub_id = %s and w.ev_id = batch.ev_id offset 0)',
            v_lane.sub_queue, v_lane.sub_id);
    end if;
    return format(E'select * from (%s) batch where %s and (%s\n)%s',
        pgq.batch_event_sql(x_batch), coalesce(v_lane.own, 'true'), x_where, v_waiting);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_sql(3)
--
--      The query for the events that a batch hands out: those that came with it, and those of paused keys that are tried again in it,
--      which are in front of the others of their key.
--
-- Parameters:
--      x_batch     - token
--      x_where     - a further condition; null: none
--      x_has_keys  - with a hash of the key behind them; null: it has none
--
-- Returns:
--      SQL that gives rows as pgq.get_batch_events does
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_events, tributary.lane_cursor
-- ----------------------------------------------------------------------
create or replace function tributary.lane_sql(x_batch bigint, x_where text, x_has_keys boolean default false)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sql       text := tributary.lane_batch_sql(x_batch, coalesce(x_where, 'true'));
    v_key       text := '';
begin
    perform 1 from tributary.paused_key k where k.batch = x_batch limit 1;
    if found then
        -- Each as if it were a commit of its own: a batch may be cut between any two of them.
        v_sql := format(E'select * from (%s union all
            select w.ev_id, w.ev_time, -w.id, w.ev_retry, w.ev_type, w.ev_data, w.ev_extra1, w.ev_extra2, w.ev_extra3, w.ev_extra4
            from tributary.paused_key k
            join tributary.lane_waiting w on w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
            where k.batch = %s and w.ev_id >= tributary.waits_from(k) and (k.upto is null or w.ev_id <= k.upto)) event where (%s\n)',
            v_sql, x_batch, coalesce(x_where, 'true'));
    end if;
    if x_has_keys then
        select format(', md5(%s)', tributary.key_sql(s.key)) into v_key
        from pgq.subscription b join tributary.lane_set s on s.queue_id = b.sub_queue and s.sub_id = b.sub_id
        where b.sub_batch = x_batch;
        v_sql := format('select event.*%s from (%s) event', v_key, v_sql);
    end if;
    return v_sql || ' order by ev_id';
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_events(1)
--
--      The events of a batch of a lane, as pgq.get_batch_events gives those of other batches.
--
-- Parameters:
--      x_batch     - token
--
-- Returns:
--      a row per event, by their ids
--
-- Writes:
--      none
--
-- Called by:
--      src/workers/child/reading/batch-reader.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_events(x_batch bigint)
returns table (
    ev_id bigint, ev_time timestamptz, ev_txid bigint, ev_retry integer, ev_type text, ev_data text,
    ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
language plpgsql
-- By pages, not by buckets: each page is visited once, and the events come nearly in their order.
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_indexscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
begin
    return query execute tributary.lane_sql(x_batch, null);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_cursor(5)
--
--      As pgq.get_batch_cursor, for a batch of a lane.
--
-- Parameters:
--      x_batch     - token
--      x_cursor    - name of the cursor
--      x_limit     - number of events to return at once
--      x_where     - condition on the columns of pgq.get_batch_events, or null
--      x_has_keys  - with a hash of the key of each, which the cursor gives only then
--
-- Returns:
--      the first events, by their ids
--
-- Writes:
--      none
--
-- Called by:
--      src/workers/child/reading/batch-reader.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_cursor(
    x_batch bigint, x_cursor text, x_limit integer, x_where text default null, x_has_keys boolean default false,
    out ev_id bigint, out ev_time timestamptz, out ev_txid bigint, out ev_retry integer, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text, out ev_key text)
returns setof record
language plpgsql
-- By pages, not by buckets: each page is visited once, and the events come nearly in their order.
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_indexscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_cursor    refcursor := x_cursor;
begin
    open v_cursor no scroll for execute tributary.lane_sql(x_batch, x_where, x_has_keys);
    for n in 1 .. x_limit loop
        fetch v_cursor into ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_key;
        exit when not found;
        return next;
    end loop;
end;
$$;
