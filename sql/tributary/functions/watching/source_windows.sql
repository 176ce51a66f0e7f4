-- ----------------------------------------------------------------------
-- Function: tributary.source_windows(4)
--
--      The windows of a source that were moved last, and when what they brought was handled.
--
--      Positions are read by their key: their tables are never vacuumed, and the planner would read them whole. A commit counts
--      for a central queue where the queue has an event of its transaction; so one that only has events for a later time, or
--      for other routes, does not. The first tick that saw the commit is looked for among the newest ones of that queue; one
--      that they all see came earlier, and counts as not known.
--
-- Parameters:
--      x_shard, x_queue    - the source
--      x_limit             - most windows
--      x_works             - who handles its events: central queues that it leads to, or groups of them such as orders/billing;
--                            null: the first of the central queues
--
-- Returns:
--      a row per position, the newest first
--      at                  - when the commit was made
--      from_tick, to_tick  - the window; null: the position before is not kept
--      is_part             - the commit moved a part of it
--      tick_at             - when the tick at its end was made
--      events              - moved by the commit; null: not known
--      mover               - host of the mover; null: a command made it
--      handled_at          - when the last batch that has the events was handled to its end; null: not yet, or not known
--
-- Writes:
--      none
--
-- Called by:
--      src/central/logbook/source.ts
-- ----------------------------------------------------------------------
create or replace function tributary.source_windows(x_shard text, x_queue text, x_limit integer, x_works text[] default null)
returns table (at timestamptz, from_tick bigint, to_tick bigint, is_part boolean, tick_at timestamptz, events bigint, mover text,
    handled_at timestamptz)
language plpgsql stable
-- Event tables are never analysed; without these the planner would read a whole one for a few transactions.
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
-- An empty table that must not be read whole counts as so dear that helpers would be started for it.
set max_parallel_workers_per_gather = 0
as $$
declare
    v_source    integer;
    v_works     text[];
    v_xids      bigint[];
    v_work      text;
    v_found     bigint[];
    v_table     text;
    -- Which commits brought something to whom, side by side.
    v_of        text[] := '{}';
    v_came      bigint[] := '{}';
begin
    select s.id, coalesce(x_works, array[s.central_queue]) into v_source, v_works
    from tributary.source s where s.shard = x_shard and s.queue = x_queue and s.state <> 'retired';
    if not found then
        return;
    end if;
    select array_agg(distinct p.xid) into v_xids
    from (select p.xid from tributary.position p where p.source = v_source order by p.n desc limit x_limit) p
    where p.xid is not null;
    foreach v_work in array v_works loop
        select q.queue_data_pfx into v_table from pgq.queue q where q.queue_name = split_part(v_work, '/', 1);
        if found then
            execute format(
                'select array_agg(x) from unnest($1) x cross join lateral (select from %s e where e.ev_txid = x limit 1) one',
                v_table::regclass)
            into v_found using v_xids;
            v_came := v_came || v_found;
            v_of := v_of || array_fill(v_work, array[coalesce(cardinality(v_found), 0)]);
        end if;
    end loop;
    return query
    with p as materialized (
        select p.*, lead(p.moved) over w as moved_before,
            case when p.end_tick_id is null then lead(p.tick_id) over w else p.tick_id end as window_from
        from (select * from tributary.position p where p.source = v_source order by p.n desc limit x_limit + 1) p
        window w as (order by p.n desc)),
    ticks as materialized (
        select w.name, t.tick_id, t.tick_snapshot::text::txid_snapshot as snapshot,
            min(t.tick_id) over (partition by w.name) as oldest
        from unnest(v_works) w (name)
        join pgq.queue q on q.queue_name = split_part(w.name, '/', 1)
        cross join lateral (select * from pgq.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 300) t),
    came as (
        select c.xid, c.work, min(t.tick_id) as tick, min(t.oldest) as oldest
        from (select * from unnest(v_of, v_came) c (work, xid)) c
        left join ticks t on t.name = c.work and txid_visible_in_snapshot(c.xid, t.snapshot)
        group by c.xid, c.work)
    select p.at, p.window_from, coalesce(p.end_tick_id, p.tick_id), p.end_tick_id is not null,
        to_timestamp(coalesce(p.end_tick_time_us, p.tick_time_us) / 1000000.0), p.moved - p.moved_before, p.mover, h.at
    from p
    left join lateral (
        -- Nobody is done before all are.
        select case when count(*) = count(one.at) then max(one.at) end as at
        from came c
        cross join lateral (
            select max(h.at) as at from tributary.handled h
            where c.tick > c.oldest and h.central_queue = c.work and h.start_tick < c.tick and h.last_event_id is null
                -- Which of several lanes had them is not known.
                and h.lane is null
                and h.end_tick = (select min(o.end_tick) from tributary.handled o
                                  where o.central_queue = c.work and o.end_tick >= c.tick)) one
        where p.moved > p.moved_before and c.xid = p.xid) h on true
    order by p.n desc limit x_limit;
end;
$$;
