-- ----------------------------------------------------------------------
-- Function: tributary.delayed_waiting(1)
--
--      The delayed events of a queue that still wait, in no order.
--
-- Parameters:
--      x_queue     - central queue
--
-- Returns:
--      rows of tributary.delayed
--
-- Writes:
--      none
--
-- Called by:
--      tributary.delayed_matching, src/proof/origins.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_waiting(x_queue text)
returns setof tributary.delayed as $$
    select d.* from tributary.delayed_last_run(x_queue) r
    cross join lateral (
        select w.* from tributary.delayed w
        where w.central_queue = x_queue and w.due_at >= r.until_at and (w.due_at, w.id) > (r.until_at, r.until_id)
        union all
        select w.* from tributary.delayed_late(x_queue, r.until_at, r.until_id, r.snapshot) w) d
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_matching(2)
--
--      The delayed events that a filter means, the one that is due first before the others of its queue.
--
-- Parameters:
--      x_filter    - jsonb with any of ids, queue, type, within (due within so many milliseconds), later (due after this, in
--                    milliseconds since 1970), upto (highest id); a null means nothing
--      x_most      - most events of each queue
--
-- Returns:
--      rows of tributary.delayed
--
-- Writes:
--      none
--
-- Called by:
--      tributary.delayed_list, tributary.delayed_counts, tributary.delayed_cancel, tributary.delayed_now
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_matching(x_filter jsonb, x_most integer)
returns setof tributary.delayed as $$
declare
    v_queue text;
begin
    for v_queue in
        select distinct s.central_queue from tributary.delayed_sum s
        where s.central_queue = coalesce(x_filter ->> 'queue', s.central_queue)
    loop
        return query
            select w.* from tributary.delayed_waiting(v_queue) w
            where (jsonb_typeof(x_filter -> 'ids') is distinct from 'array'
                    or w.id = any (array(select i::bigint from jsonb_array_elements_text(x_filter -> 'ids') i)))
                and (x_filter ->> 'type' is null or w.ev_type = x_filter ->> 'type')
                and (x_filter ->> 'within' is null
                    or w.due_at <= clock_timestamp() + (x_filter ->> 'within')::float8 * interval '1 millisecond')
                and (x_filter ->> 'later' is null or w.due_at > to_timestamp((x_filter ->> 'later')::float8 / 1000))
                and (x_filter ->> 'upto' is null or w.id <= (x_filter ->> 'upto')::bigint)
            order by w.due_at, w.id limit x_most;
    end loop;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_standing(1)
--
--      How many delayed events wait for each queue, by what came and what has gone, when the next one is due, and how many were
--      left out for their keys.
--
-- Parameters:
--      x_queues    - central queues
--
-- Returns:
--      a row per queue that has some; next_ms: milliseconds since 1970
--
-- Writes:
--      none
--
-- Called by:
--      src/delays/delayed.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_standing(x_queues text[])
returns table (queue text, events bigint, next_ms double precision, left_out bigint) as $$
    select s.central_queue, s.events, extract(epoch from f.due_at)::double precision * 1000, s.left_out
    from (
        select e.central_queue, sum(e.events)::bigint as events, sum(e.left_out)::bigint as left_out
        from tributary.delayed_sum e
        where e.central_queue = any (x_queues) group by 1) s
    left join lateral (
        select w.due_at from tributary.delayed_last_run(s.central_queue) r
        cross join lateral (
            select d.due_at from tributary.delayed d
            where d.central_queue = s.central_queue and d.due_at >= r.until_at and (d.due_at, d.id) > (r.until_at, r.until_id)
            order by d.due_at, d.id limit 1) w) f on true
    where s.events > 0 or s.left_out > 0
$$ language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_counts(1)
--
--      How many events a filter means, by queue; more than a million of one queue count as a million.
--
-- Parameters:
--      x_filter    - as of tributary.delayed_matching
--
-- Returns:
--      a row per queue: how many, the first and the last due time in milliseconds since 1970, the highest id
--
-- Writes:
--      none
--
-- Called by:
--      src/delays/delayed.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_counts(x_filter jsonb)
returns table (queue text, events bigint, first_ms double precision, last_ms double precision, newest bigint) as $$
    select m.central_queue, count(*), extract(epoch from min(m.due_at))::double precision * 1000,
        extract(epoch from max(m.due_at))::double precision * 1000, max(m.id)
    from tributary.delayed_matching(x_filter, 1000000) m
    group by 1 order by 1
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_list(2)
--
--      The delayed events that a filter means, the next one first.
--
-- Parameters:
--      x_filter    - as of tributary.delayed_matching
--      x_most      - most events
--
-- Returns:
--      a row per event; times in ISO 8601, UTC
--
-- Writes:
--      none
--
-- Called by:
--      src/delays/delayed.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_list(x_filter jsonb, x_most integer)
returns table (id bigint, queue text, due text, made text, type text, data text,
    extra1 text, extra2 text, extra3 text, extra4 text) as $$
    select m.id, m.central_queue, to_char(m.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(m.ev_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), m.ev_type, m.ev_data,
        m.ev_extra1, m.ev_extra2, m.ev_extra3, m.ev_extra4
    from tributary.delayed_matching(x_filter, x_most) m
    order by m.due_at, m.id limit x_most
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_cancel(3)
--
--      Takes events out of those that wait, the next ones first. Waits for the turn: none of them is delivered meanwhile.
--
-- Parameters:
--      x_filter    - as of tributary.delayed_matching
--      x_most      - most events of each queue
--      x_who       - who does it
--
-- Returns:
--      how many
--
-- Writes:
--      tributary.delayed and what inherits it, tributary.delayed_cancelled, tributary.delayed_sum
--
-- Called by:
--      src/delays/delayed.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_cancel(x_filter jsonb, x_most integer, x_who text)
returns bigint as $$
declare
    v_gone  bigint;
begin
    perform from tributary.delayed_table t for no key update;
    with gone as (
        delete from tributary.delayed d
        using (select m.central_queue, m.due_at, m.id from tributary.delayed_matching(x_filter, x_most) m) w
        where d.central_queue = w.central_queue and d.due_at = w.due_at and d.id = w.id
        returning d.*),
    kept as (
        insert into tributary.delayed_cancelled (id, central_queue, txid, due_at, ev_time, ev_type,
            ev_extra1, ev_extra2, ev_extra3, ev_extra4, cancelled_by)
        select g.id, g.central_queue, g.txid, g.due_at, g.ev_time, g.ev_type,
            g.ev_extra1, g.ev_extra2, g.ev_extra3, g.ev_extra4, x_who
        from gone g
        returning central_queue),
    counted as (
        insert into tributary.delayed_sum (central_queue, events)
        select k.central_queue, -count(*) from kept k group by 1
        returning events)
    select coalesce(-sum(c.events), 0)::bigint into v_gone from counted c;
    return v_gone;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_now(2)
--
--      Makes events due at this moment that wait for a later one, the next ones first. Waits for the turn, as tributary.delayed_cancel does.
--
-- Parameters:
--      x_filter    - as of tributary.delayed_matching
--      x_most      - most events of each queue
--
-- Returns:
--      how many
--
-- Writes:
--      tributary.delayed and what inherits it
--
-- Called by:
--      src/delays/delayed.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_now(x_filter jsonb, x_most integer)
returns bigint as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_moved bigint;
begin
    perform from tributary.delayed_table t for no key update;
    execute format($sql$
        with gone as (
            delete from tributary.delayed d
            using (select m.central_queue, m.due_at, m.id from tributary.delayed_matching($1, $2) m) w
            where d.central_queue = w.central_queue and d.due_at = w.due_at and d.id = w.id
            returning d.*)
        insert into %s (central_queue, txid, id, due_at, ev_time, ev_type, ev_data,
            ev_extra1, ev_extra2, ev_extra3, ev_extra4, unique_key)
        select g.central_queue,
            -- The transaction that brought it is kept, unless a run has got to this time: then only another one is news.
            case when r.until_at < $3 then g.txid else txid_current() end,
            g.id, $3, g.ev_time, g.ev_type, g.ev_data, g.ev_extra1, g.ev_extra2, g.ev_extra3, g.ev_extra4, g.unique_key
        from gone g cross join lateral tributary.delayed_last_run(g.central_queue) r
        order by g.due_at, g.id
        $sql$, tributary.delayed_door())
    using x_filter || jsonb_build_object('later', extract(epoch from v_now) * 1000), x_most, v_now;
    get diagnostics v_moved = row_count;
    return v_moved;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_fate(4)
--
--      Whether a delayed event has gone into its queue, and by which transaction.
--
-- Parameters:
--      x_queue     - central queue
--      x_due       - when it is due
--      x_id        - its id
--      x_txid      - the transaction that brought it
--
-- Returns:
--      one row; delivery is null where it still waits, or where its run is not kept any more
--
-- Writes:
--      none
--
-- Called by:
--      src/observability/trace/delayed.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_fate(x_queue text, x_due timestamptz, x_id bigint, x_txid bigint)
returns table (is_gone boolean, delivery bigint) as $$
    select (x_due, x_id) <= (l.until_at, l.until_id) and txid_visible_in_snapshot(x_txid, l.snapshot),
        (select r.xid from tributary.delayed_run r
            where r.central_queue = x_queue and (x_due, x_id) <= (r.until_at, r.until_id)
                and txid_visible_in_snapshot(x_txid, r.snapshot)
                and not exists (
                    select from tributary.delayed_run p
                    where p.central_queue = x_queue and p.n = r.n - 1
                        and (x_due, x_id) <= (p.until_at, p.until_id)
                        and txid_visible_in_snapshot(x_txid, p.snapshot))
            order by r.n limit 1)
    from tributary.delayed_last_run(x_queue) l
$$ language sql stable set search_path = pg_catalog, pg_temp;
