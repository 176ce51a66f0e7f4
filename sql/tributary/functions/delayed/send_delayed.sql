-- ----------------------------------------------------------------------
-- Function: tributary.send_delayed(10)
--
--      Keeps events for a central queue until their time, in the transaction that finishes the events they come from. The arrays
--      are of one length.
--
-- Parameters:
--      x_queue     - central queue
--      x_due       - when each is due, in milliseconds since 1970 by central's clock; or null: x_after counts
--      x_after     - milliseconds from now, by central's clock
--      x_type      - types
--      x_data      - payloads
--      x_extra1..4 - further fields; one of them carries the origin
--      x_key       - SQL expression over the columns of the event: its unique key; null: it has none
--
-- Returns:
--      nothing; an error where the key cannot be computed, or where the queue does not exist
--
-- Writes:
--      tributary.delayed_0, tributary.delayed_1, tributary.delayed_sum
--
-- Called by:
--      src/workers/child/transaction/outbox.ts
-- ----------------------------------------------------------------------
create or replace function tributary.send_delayed(
    x_queue text, x_due double precision[], x_after double precision[], x_type text[], x_data text[],
    x_extra1 text[], x_extra2 text[], x_extra3 text[], x_extra4 text[], x_key text default null)
returns void as $$
declare
    v_now   timestamptz := clock_timestamp();
begin
    perform 1 from pgq.queue where queue_name = x_queue;
    if not found then
        raise exception using errcode = 'undefined_object',
            message = format('Queue %s does not exist on central: run `tributary install`.', x_queue);
    end if;
    execute format($sql$
        insert into %1$s (central_queue, due_at, ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, unique_key)
        select d.*, md5((%2$s
            )::text) from (
        select $1 as central_queue, coalesce(to_timestamp(e.due / 1000), $2 + e.after * interval '1 millisecond'), $2 as ev_time,
            e.type as ev_type, e.data as ev_data, e.extra1 as ev_extra1, e.extra2 as ev_extra2, e.extra3 as ev_extra3,
            e.extra4 as ev_extra4
        from unnest($3, $4, $5, $6, $7, $8, $9, $10)
            with ordinality e (due, after, type, data, extra1, extra2, extra3, extra4, place)
        order by e.place) d
        $sql$, tributary.delayed_door(), coalesce(x_key, 'null'))
    using x_queue, v_now, x_due, x_after, x_type, x_data, x_extra1, x_extra2, x_extra3, x_extra4;
    insert into tributary.delayed_sum (central_queue, events) values (x_queue, cardinality(x_due));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_door(0)
--
--      The table that takes delayed events now. One that has just looked may still write into the other one: all who read look
--      into both, and a table that holds events is not emptied.
--
-- Parameters:
--      none
--
-- Returns:
--      its name
--
-- Writes:
--      none
--
-- Called by:
--      tributary.send_delayed, tributary.delayed_now, src/central/commit/commit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_door()
returns text as $$
    select format('tributary.delayed_%s', t.current) from tributary.delayed_table t
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.keep_delayed(1)
--
--      Behind the COPY of a commit into tributary.delayed_door(): those of its events that are not delayed go into their queue at
--      once, in their order; the others are counted.
--
-- Parameters:
--      x_queue     - central queue
--
-- Returns:
--      how many went into the queue; the errors of tributary.begin_events
--
-- Writes:
--      the queue's current event table, tributary.delayed_sum
--
-- Called by:
--      src/central/commit/commit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.keep_delayed(x_queue text)
returns bigint as $$
declare
    v_xid       bigint := tributary.begin_events(x_queue);
    v_passed    bigint;
    v_kept      bigint;
begin
    execute format($sql$
        insert into %s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        select d.ev_time, d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2, d.ev_extra3, d.ev_extra4
        from (select * from tributary.delayed_0 union all select * from tributary.delayed_1) d
        where d.txid = $1 and d.central_queue = $2 and d.due_at is null
        order by d.id
        $sql$, pgq.current_event_table(x_queue))
    using v_xid, x_queue;
    get diagnostics v_passed = row_count;
    select count(*) into v_kept
    from (select * from tributary.delayed_0 union all select * from tributary.delayed_1) d
    where d.txid = v_xid and d.central_queue = x_queue and d.due_at is not null;
    if v_kept > 0 then
        insert into tributary.delayed_sum (central_queue, events) values (x_queue, v_kept);
    end if;
    return v_passed;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
