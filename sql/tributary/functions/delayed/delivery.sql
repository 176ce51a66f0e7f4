-- ----------------------------------------------------------------------
-- Function: tributary.deliver_delayed(3)
--
--      Puts the delayed events of a queue whose time has come into it, in the order of their times, and notes up to where: one
--      transaction, so each goes in once. A time that was reached once stays reached: after central's clock was set back, what
--      comes with a time before goes in at once. Where the queue is to have unique keys, an event whose key another one had
--      within that time is left out, and counted.
--
-- Parameters:
--      x_queue     - central queue
--      x_most      - most events; those that came late are not counted
--      x_unique_ms - how long a key is unique, in milliseconds; null: keys say nothing
--
-- Returns:
--      events      - how many went in; null where somebody else has the turn
--      is_more     - more of them are due
--      xid         - the transaction, which a tick has to cover once it has committed; null where none went in. The errors of
--                    tributary.begin_events
--
-- Writes:
--      the queue's current event table, tributary.delayed_run, tributary.delayed_sum, tributary.unique_key_0,
--      tributary.unique_key_1, tributary.unique_left_0, tributary.unique_left_1
--
-- Called by:
--      src/delays/delivery.ts
-- ----------------------------------------------------------------------
create or replace function tributary.deliver_delayed(
    x_queue text, x_most integer, x_unique_ms double precision default null)
returns table (events bigint, is_more boolean, xid bigint) as $$
declare
    r           record;
    v_clock     timestamptz;
    v_now       timestamptz;
    v_until     record;
    v_last      bigint;
    v_snapshot  txid_snapshot;
    v_due       text;
    v_current   integer;
    v_first     text;
    v_left      bigint := 0;
    v_ids       bigint[];
    v_since     timestamptz[];
begin
    perform from tributary.delayed_table t for no key update skip locked;
    if not found then
        is_more := true;
        return next;
        return;
    end if;
    xid := tributary.begin_events(x_queue);
    select * into r from tributary.delayed_last_run(x_queue);
    -- The id before the snapshot: whoever has a later one was still open then, or began after it.
    select s.last_value into v_last from tributary.delayed_id s;
    select txid_current_snapshot() into v_snapshot;
    v_clock := clock_timestamp();
    v_now := greatest(v_clock, r.until_at);
    execute format($sql$
        select d.due_at, d.id from tributary.delayed d
        where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L and (d.due_at, d.id) > ($2, $3)
            and txid_visible_in_snapshot(d.txid, $4)
        order by d.due_at, d.id offset $5 - 1 limit 1
        $sql$, r.until_at, v_now)
    into v_until using x_queue, r.until_at, r.until_id, v_snapshot,
        -- Later those of a queue with keys count as late: what one transaction brought stays together.
        case when r.n = 0 and x_unique_ms is not null then 1000000 else x_most end;
    is_more := v_until.id is not null;
    if not is_more then
        select v_now as due_at, 9223372036854775807::bigint as id into v_until;
    end if;
    v_due := format($sql$(
            select d.* from tributary.delayed d
            where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L
                and (d.due_at, d.id) > ($2, $3) and (d.due_at, d.id) <= ($5, $6)
                and txid_visible_in_snapshot(d.txid, $7)
            union all
            select d.* from tributary.delayed_late($1, $2, $3, $4) d
            where txid_visible_in_snapshot(d.txid, $7))$sql$, r.until_at, v_until.due_at);
    if x_unique_ms is null then
        v_first := 'true';
    else
        -- Only the holder of the turn writes keys: nobody waits for one.
        select t.current into v_current from tributary.unique_table t;
        v_first := format('(e.unique_key is null or exists (select from tributary.unique_key_%s k
            where k.central_queue = $1 and k.key = e.unique_key and k.id = e.id and k.at = $8))', v_current);
        execute format($sql$
            insert into tributary.unique_key_%1$s (central_queue, key, id, at)
            select distinct on (e.unique_key) $1, e.unique_key, e.id, $8
            from %2$s e
            where e.unique_key is not null and not exists (select from tributary.unique_key k
                where k.central_queue = $1 and k.key = e.unique_key and k.at > $8 - $9 * interval '1 millisecond')
            order by e.unique_key, e.due_at, e.id
            on conflict (central_queue, key) do update set id = excluded.id, at = excluded.at
            $sql$, v_current, v_due)
        using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot, v_clock, x_unique_ms;
        execute format($sql$
            insert into tributary.unique_left_%1$s (central_queue, id, txid, ev_time, ev_type,
                ev_extra1, ev_extra2, ev_extra3, ev_extra4, due_at, at)
            select e.central_queue, e.id, e.txid, e.ev_time, e.ev_type, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                e.due_at, $8
            from %2$s e where not %3$s
            $sql$, v_current, v_due, v_first)
        using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot, v_clock;
        get diagnostics v_left = row_count;
    end if;
    execute format($sql$
        with due as materialized (
            select e.*, row_number() over (order by e.due_at, e.id) as place from %2$s e where %3$s
        ), gone as (
            insert into %1$s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
            select e.ev_time, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
            from due e order by e.place
            returning ev_id
        ), counted as (
            -- The ids were given in the order of the places. Two lists side by side, for a join would be planned for a few rows.
            select t.ev_id, t.since,
                -- Those of a hundredth of a second have one time.
                floor(extract(epoch from t.since) * 100) is distinct from
                    lag(floor(extract(epoch from t.since) * 100)) over (order by t.ev_id) as is_other
            from (select array_agg(g.ev_id order by g.ev_id) as ids from gone g) i
            cross join (select array_agg(greatest(d.due_at, d.ev_time) order by d.place) as times from due d) w
            cross join lateral unnest(i.ids, w.times) t (ev_id, since)
        )
        select count(*), array_agg(c.ev_id order by c.ev_id) filter (where c.is_other),
            array_agg(c.since order by c.ev_id) filter (where c.is_other)
        from counted c
        $sql$, pgq.current_event_table(x_queue), v_due, v_first)
    into events, v_ids, v_since
    using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot, v_clock;
    insert into tributary.delayed_run (central_queue, n, until_at, until_id, snapshot, last_id, events, ev_ids, counts_from)
    values (x_queue, r.n + 1, v_until.due_at, v_until.id, v_snapshot, v_last, deliver_delayed.events, v_ids, v_since);
    if events + v_left > 0 then
        insert into tributary.delayed_sum (central_queue, events, left_out)
        values (x_queue, -deliver_delayed.events - v_left, v_left);
    end if;
    if events = 0 then
        xid := null;
    end if;
    return next;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';

-- ----------------------------------------------------------------------
-- Function: tributary.rotate_unique(1)
--
--      Empties the older of the two tables of unique keys, and of what was left out, by TRUNCATE and makes it the current one,
--      where the current one has been filled for long enough.
--
-- Parameters:
--      x_period    - how old the last switch must be: no key is unique for longer
--
-- Returns:
--      true where it switched; false where it is not due, or somebody uses the tables at this moment
--
-- Writes:
--      tributary.unique_key_0, tributary.unique_key_1, tributary.unique_left_0, tributary.unique_left_1, tributary.unique_table
--
-- Called by:
--      src/delays/delivery.ts
-- ----------------------------------------------------------------------
create or replace function tributary.rotate_unique(x_period interval)
returns boolean as $$
declare
    v_current   integer;
begin
    select t.current into v_current from tributary.unique_table t where t.switched_at <= now() - x_period;
    if not found then
        return false;
    end if;
    perform from tributary.delayed_table t for no key update skip locked;
    if not found then
        return false;
    end if;
    begin
        execute format('lock table tributary.unique_key_%1$s, tributary.unique_left_%1$s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    update tributary.unique_table set current = 1 - v_current, switched_at = now() where current = v_current;
    if not found then
        return false;
    end if;
    execute format('truncate tributary.unique_key_%1$s, tributary.unique_left_%1$s', 1 - v_current);
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
