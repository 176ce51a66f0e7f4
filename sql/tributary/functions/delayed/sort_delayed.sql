-- ----------------------------------------------------------------------
-- Function: tributary.sort_delayed(2)
--
--      Keeps the tables of delayed events small, a step at a time. Where the one that takes events is full, the other one takes
--      them from then on; what still waits in the full one goes into slices by its due time, and then the table is emptied by
--      TRUNCATE. Slices whose time is over are dropped. An event is written twice at most, however long it waits.
--
--      Runs with the rights of its owner, who may make tables.
--
-- Parameters:
--      x_bytes     - a table of this size is full
--      x_most      - events that one step sorts
--
-- Returns:
--      true where there is more to do at once
--
-- Writes:
--      tributary.delayed_0, tributary.delayed_1, tributary.delayed_table, tributary.delayed_slice, slices
--
-- Called by:
--      src/delays/delivery.ts
-- ----------------------------------------------------------------------
create or replace function tributary.sort_delayed(x_bytes bigint, x_most integer)
returns boolean as $$
declare
    v_current   integer;
    v_full      text;
    v_rows      tid[];
    v_is_used   boolean;
    q           record;
    s           record;
begin
    select t.current into v_current from tributary.delayed_table t for no key update skip locked;
    if not found then
        return false;
    end if;
    -- One at a time: a slice may be large, and dropping it waits for nobody.
    for s in select * from tributary.delayed_slice e where e.until_at < clock_timestamp() - interval '1 minute' loop
        if tributary.drop_delayed_slice(s.name) then
            return true;
        end if;
    end loop;
    v_full := format('tributary.delayed_%s', 1 - v_current);
    execute format('select exists (select from %s)', v_full) into v_is_used;
    if not v_is_used then
        if pg_relation_size(format('tributary.delayed_%s', v_current)::regclass) < x_bytes then
            return false;
        end if;
        update tributary.delayed_table set current = 1 - v_current, switched_at = now();
        return true;
    end if;
    begin
        -- Nobody who still writes into it is overlooked.
        execute format('lock table %s in access exclusive mode nowait', v_full);
    exception when lock_not_available then
        return false;
    end;
    for q in
        select m.central_queue, r.* from (select distinct e.central_queue from tributary.delayed_sum e) m
        cross join lateral tributary.delayed_last_run(m.central_queue) r
    loop
        execute format($sql$
            select array(select w.ctid from %1$s w
                    where w.central_queue = $1 and (w.due_at, w.id) > ($2, $3) limit $5)
                || array(select w.ctid from %1$s w
                    where w.central_queue = $1 and (w.due_at, w.id) <= ($2, $3) and not txid_visible_in_snapshot(w.txid, $4)
                    limit $5)
            $sql$, v_full) into v_rows using q.central_queue, q.until_at, q.until_id, q.snapshot, x_most;
        if cardinality(v_rows) > 0 then
            perform tributary.move_delayed(v_full, v_rows);
            return true;
        end if;
    end loop;
    execute format($sql$select exists (select from %s w where w.due_at is not null
        and w.central_queue not in (select e.central_queue from tributary.delayed_sum e)
        and not exists (select from tributary.delayed_run r where r.central_queue = w.central_queue))$sql$, v_full) into v_is_used;
    if not v_is_used then
        execute format('truncate %s', v_full);
    end if;
    return false;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
revoke all on function tributary.sort_delayed(bigint, integer) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.move_delayed(2)
--
--      Moves rows from a table of delayed events into slices by their due times: of an hour within two days, of a day within two
--      months, else of a month. Slices that are missing are made.
--
-- Parameters:
--      x_table     - the table
--      x_rows      - places of the rows in it
--
-- Returns:
--      nothing; an error where not each row went into one slice
--
-- Writes:
--      the table, tributary.delayed_slice, slices
--
-- Called by:
--      tributary.sort_delayed
-- ----------------------------------------------------------------------
create or replace function tributary.move_delayed(x_table text, x_rows tid[])
returns void as $$
declare
    c_form  constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    s       record;
    v_left  integer := cardinality(x_rows);
    v_moved integer;
begin
    for s in
        execute format($sql$
            select w.unit, w.from_at, w.from_at + ('1 ' || w.unit)::interval as until_at
            from (
                select u.unit, date_trunc(u.unit, d.due_at at time zone 'UTC') as from_at
                from %s d
                cross join lateral (select case when d.due_at < now() + interval '2 days' then 'hour'
                    when d.due_at < now() + interval '62 days' then 'day' else 'month' end as unit) u
                where d.ctid = any ($1)
                group by 1, 2) w
            order by array_position('{hour,day,month}'::text[], w.unit)
            $sql$, x_table) using x_rows
    loop
        execute format($sql$
            with gone as (
                delete from %1$s d where d.ctid = any ($1) and d.due_at >= %3$L and d.due_at < %4$L returning d.*)
            insert into %2$s (central_queue, txid, id, due_at, ev_time, ev_type, ev_data,
                ev_extra1, ev_extra2, ev_extra3, ev_extra4, unique_key)
            select g.* from gone g
            $sql$, x_table, tributary.delayed_slice(s.unit, s.from_at, s.until_at),
            to_char(s.from_at, c_form), to_char(s.until_at, c_form)) using x_rows;
        get diagnostics v_moved = row_count;
        v_left := v_left - v_moved;
    end loop;
    if v_left <> 0 then
        raise exception using errcode = 'internal_error', message = 'not every delayed event went into one slice';
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set jit = off;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_slice(3)
--
--      Makes a slice of delayed events where it is missing.
--
-- Parameters:
--      x_unit              - hour, day or month
--      x_from, x_until     - its due times, in UTC
--
-- Returns:
--      the name of its table
--
-- Writes:
--      tributary.delayed_slice, a table
--
-- Called by:
--      tributary.move_delayed
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_slice(x_unit text, x_from timestamp, x_until timestamp)
returns text as $$
declare
    c_form  constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    v_name  text := format('delayed_%s_%s', x_unit, to_char(x_from, 'YYYYMMDDHH24'));
    v_table text := format('tributary.%I', v_name);
begin
    if to_regclass(v_table) is not null then
        return v_table;
    end if;
    execute format('create table %s (check (due_at >= %L and due_at < %L)) inherits (tributary.delayed)',
        v_table, to_char(x_from, c_form), to_char(x_until, c_form));
    execute format('create index on %s (central_queue, due_at, id)', v_table);
    execute format('create index on %s (txid)', v_table);
    execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1)', v_table);
    insert into tributary.delayed_slice (name, from_at, until_at)
    values (v_name, x_from at time zone 'UTC', x_until at time zone 'UTC');
    return v_table;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.drop_delayed_slice(1)
--
--      Drops a slice of which every event has gone.
--
-- Parameters:
--      x_name      - its table
--
-- Returns:
--      whether it was dropped; false also where somebody uses it
--
-- Writes:
--      tributary.delayed_slice; drops the table
--
-- Called by:
--      tributary.sort_delayed
-- ----------------------------------------------------------------------
create or replace function tributary.drop_delayed_slice(x_name text)
returns boolean as $$
declare
    q           record;
    v_is_used   boolean;
begin
    begin
        execute format('lock table tributary.%I in access exclusive mode nowait', x_name);
    exception when lock_not_available then
        return false;
    end;
    for q in
        select m.central_queue, r.* from (select distinct e.central_queue from tributary.delayed_sum e) m
        cross join lateral tributary.delayed_last_run(m.central_queue) r
    loop
        execute format($sql$
            select exists (select from tributary.%1$I w where w.central_queue = $1 and (w.due_at, w.id) > ($2, $3))
                or exists (select from tributary.%1$I w where w.central_queue = $1 and w.txid >= txid_snapshot_xmax($4))
                or exists (select from tributary.%1$I w where w.central_queue = $1
                    and w.txid = any (array(select txid_snapshot_xip($4))))
            $sql$, x_name) into v_is_used using q.central_queue, q.until_at, q.until_id, q.snapshot;
        if v_is_used then
            return false;
        end if;
    end loop;
    execute format('drop table tributary.%I', x_name);
    delete from tributary.delayed_slice s where s.name = x_name;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;

-- ----------------------------------------------------------------------
-- Function: tributary.tidy_delayed(1)
--
--      Sums up how many delayed events wait, and forgets old runs and cancelled events. Waits for no lock. A run stays while a
--      consumer of its queue may not have read its events.
--
-- Parameters:
--      x_kept      - how long runs are kept; cancelled events are for a week
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.delayed_sum, tributary.delayed_run, tributary.delayed_cancelled
--
-- Called by:
--      src/delays/delivery.ts
-- ----------------------------------------------------------------------
create or replace function tributary.tidy_delayed(x_kept interval)
returns void as $$
declare
    v_sums  jsonb;
begin
    delete from tributary.delayed_run r
    where (r.central_queue, r.n) in (
        select o.central_queue, o.n from tributary.delayed_run o
        where o.at < now() - x_kept
            and o.xid < coalesce((
                select min(txid_snapshot_xmin(t.tick_snapshot))
                from pgq.queue q
                join pgq.subscription s on s.sub_queue = q.queue_id
                join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
                where q.queue_name = o.central_queue), 9223372036854775807)
            and exists (select from tributary.delayed_run l where l.central_queue = o.central_queue and l.n > o.n)
        limit 5000);
    delete from tributary.delayed_cancelled c where c.cancelled_at < now() - interval '7 days';
    if (select count(*) from (select from tributary.delayed_sum limit 2) e) < 2 then
        return;
    end if;
    begin
        lock table tributary.delayed_sum in access exclusive mode nowait;
    exception when lock_not_available then
        return;
    end;
    select jsonb_agg(jsonb_build_object('queue', t.central_queue, 'events', t.events, 'left_out', t.left_out)) into v_sums
    from (select e.central_queue, sum(e.events)::bigint as events, sum(e.left_out)::bigint as left_out
        from tributary.delayed_sum e group by 1) t
    where t.events <> 0 or t.left_out <> 0;
    truncate tributary.delayed_sum;
    insert into tributary.delayed_sum (central_queue, events, left_out)
    select e.queue, e.events, e.left_out from jsonb_to_recordset(v_sums) as e (queue text, events bigint, left_out bigint);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
