-- ----------------------------------------------------------------------
-- Function: pgq._insert_events_sql(2)
--
--      What a bulk insert does before it inserts: checks, and the statement without what follows it.
--
-- Parameters:
--      i_queue_name    - name of the queue
--      i_counts        - lengths of the arrays: types, payloads, further fields; null for an array that is null
--
-- Returns:
--      the statement, of the six arrays and the transaction's id; null where there is nothing to insert
--
-- Writes:
--      see pgq._count_in_tx
--
-- Called by:
--      pgq.insert_events(7), pgq.insert_events_ids
-- ----------------------------------------------------------------------
create or replace function pgq._insert_events_sql(i_queue_name text, i_counts integer[])
returns text
language plpgsql
as $$
declare
    v_txid  bigint := txid_current(); -- before the table is asked for, see pgq.insert_event_raw
    v_queue pgq.queue;
    v_count bigint := greatest(i_counts[1], i_counts[2]);
begin
    select * into v_queue from pgq.queue where queue_name = i_queue_name;
    if not found then
        if i_queue_name is null then
            raise exception 'Queue name must not be NULL';
        end if;
        raise exception 'No such queue';
    end if;
    if v_queue.queue_disable_insert and current_setting('session_replication_role') <> 'replica' then
        raise exception 'Insert into queue disallowed';
    end if;
    if exists (select 1 from unnest(i_counts) n where n <> v_count) then
        raise exception 'the arrays given to pgq.insert_events differ in length: give each one value for every event, or null';
    end if;
    if coalesce(v_count, 0) = 0 then
        return null;
    end if;
    if v_queue.queue_per_tx_limit is not null then
        perform pgq._count_in_tx(i_queue_name, v_queue.queue_data_pfx, v_queue.queue_cur_table,
                                 v_queue.queue_per_tx_limit, v_txid, v_count);
    end if;
    return 'insert into ' || v_queue.queue_data_pfx || '_' || v_queue.queue_cur_table
        || ' (ev_time, ev_txid, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)'
        || ' select now(), $7, * from unnest($1, $2, $3, $4, $5, $6)';
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_events(7)
--
--      Puts many events into a queue, in the order of the arrays, much faster than one by one. The first array says
--      how many; the others are as long as it, or null where no event has that field.
--
-- Parameters:
--      i_queue_name    - name of the queue
--      i_types         - types
--      i_data          - payloads
--      i_extra1..4     - further fields
--
-- Returns:
--      number of events
--
-- Writes:
--      the queue's current event table
--
-- Called by:
--      pgq.insert_events(2), pgq.insert_events(3), users
-- ----------------------------------------------------------------------
create or replace function pgq.insert_events(
    i_queue_name text, i_types text[], i_data text[], i_extra1 text[], i_extra2 text[], i_extra3 text[], i_extra4 text[])
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sql text := pgq._insert_events_sql(i_queue_name, array[
        cardinality(i_types), cardinality(i_data), cardinality(i_extra1),
        cardinality(i_extra2), cardinality(i_extra3), cardinality(i_extra4)]);
begin
    if v_sql is null then
        return 0;
    end if;
    execute v_sql using i_types, i_data, i_extra1, i_extra2, i_extra3, i_extra4, txid_current();
    return greatest(cardinality(i_types), cardinality(i_data));
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_events_ids(7)
--
--      The same, for callers that want the ids.
--
-- Parameters:
--      i_queue_name    - name of the queue
--      i_types         - types
--      i_data          - payloads
--      i_extra1..4     - further fields
--
-- Returns:
--      ids of the events, in the order of the arrays
--
-- Writes:
--      the queue's current event table
--
-- Called by:
--      src/queue/insert.ts, users
-- ----------------------------------------------------------------------
create or replace function pgq.insert_events_ids(
    i_queue_name text, i_types text[], i_data text[], i_extra1 text[], i_extra2 text[], i_extra3 text[], i_extra4 text[])
returns setof bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sql text := pgq._insert_events_sql(i_queue_name, array[
        cardinality(i_types), cardinality(i_data), cardinality(i_extra1),
        cardinality(i_extra2), cardinality(i_extra3), cardinality(i_extra4)]);
begin
    if v_sql is not null then
        return query execute v_sql || ' returning ev_id'
            using i_types, i_data, i_extra1, i_extra2, i_extra3, i_extra4, txid_current();
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_events(3)
--
--      Puts many events without further fields into a queue.
--
-- Parameters:
--      i_queue_name    - name of the queue
--      i_types         - types
--      i_data          - payloads
--
-- Returns:
--      number of events
--
-- Writes:
--      the queue's current event table
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.insert_events(i_queue_name text, i_types text[], i_data text[])
returns bigint
language sql
as $$
    select pgq.insert_events($1, $2, $3, null, null, null, null);
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_events(2)
--
--      Puts many events into a queue, in the order of a JSON array of objects with the keys type, data, extra1..4.
--      A value that is no string, such as an object as data, goes in as its JSON text. An element that is no object, or
--      has other keys, is refused, and all with it.
--
-- Parameters:
--      i_queue_name    - name of the queue
--      i_events        - the array
--
-- Returns:
--      number of events
--
-- Writes:
--      the queue's current event table
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.insert_events(i_queue_name text, i_events jsonb)
returns bigint
language plpgsql
as $$
declare
    v_keys  constant text[] := array['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'];
    v_wrong record;
begin
    if jsonb_typeof(i_events) <> 'array' then
        raise exception 'pgq.insert_events takes a JSON array of events, not %', jsonb_typeof(i_events);
    end if;
    select e.n, e.event, (select min(k) from jsonb_object_keys(case jsonb_typeof(e.event) when 'object' then e.event else '{}' end) k
                           where not k = any (v_keys)) as key
      into v_wrong
      from jsonb_array_elements(i_events) with ordinality e (event, n)
     where jsonb_typeof(e.event) <> 'object' or e.event - v_keys <> '{}'
     order by e.n
     limit 1;
    if found then
        raise exception 'element % of those given to pgq.insert_events is no event: %', v_wrong.n, case
                when v_wrong.key is null then 'it is ' || jsonb_typeof(v_wrong.event) else 'it has the key ' || v_wrong.key end
            using hint = 'An event is an object with any of the keys type, data, extra1, extra2, extra3 and extra4.';
    end if;
    return (
        select pgq.insert_events(i_queue_name,
                                 array_agg(e.event ->> 'type' order by e.n), array_agg(e.event ->> 'data' order by e.n),
                                 array_agg(e.event ->> 'extra1' order by e.n), array_agg(e.event ->> 'extra2' order by e.n),
                                 array_agg(e.event ->> 'extra3' order by e.n), array_agg(e.event ->> 'extra4' order by e.n))
          from jsonb_array_elements(i_events) with ordinality e (event, n));
end;
$$;
