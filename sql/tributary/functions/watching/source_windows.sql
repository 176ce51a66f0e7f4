-- ----------------------------------------------------------------------
-- Function: tributary.source_windows(3)
--
--      The windows of a source that were moved last, and when what they brought was handled.
--
--      Positions are read by their key: their tables are never vacuumed, and the planner would read them whole. The first tick of
--      central that saw a commit is looked for among the newest ones; one that they all see came earlier, and counts as not known.
--
-- Parameters:
--      x_shard, x_queue    - the source
--      x_limit             - most windows
--
-- Returns:
--      a row per position, the newest first
--      at                  - when the commit was made
--      from_tick, to_tick  - the window; null: the position before is not kept
--      is_part             - the commit moved a part of it
--      tick_at             - when the tick at its end was made
--      events              - moved by the commit; null: not known
--      mover               - host of the mover; null: a command made it
--      handled_at          - when the batch that has the events was handled to its end; null: not yet, or not known
--
-- Writes:
--      none
--
-- Called by:
--      src/central/logbook/source.ts
-- ----------------------------------------------------------------------
create or replace function tributary.source_windows(x_shard text, x_queue text, x_limit integer)
returns table (at timestamptz, from_tick bigint, to_tick bigint, is_part boolean, tick_at timestamptz, events bigint, mover text,
    handled_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with p as materialized (
        select p.*, s.central_queue, lead(p.moved) over w as moved_before,
            case when p.end_tick_id is null then lead(p.tick_id) over w else p.tick_id end as from_tick
        from (select id, central_queue from tributary.source
              where shard = x_shard and queue = x_queue and state <> 'retired') s
        cross join lateral (
            select * from tributary.position p where p.source = s.id order by p.n desc limit x_limit + 1) p
        window w as (order by p.n desc)),
    ticks as materialized (
        select t.tick_id, t.tick_snapshot::text::txid_snapshot as snapshot
        from pgq.queue q
        cross join lateral (select * from pgq.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 300) t
        where q.queue_name = (select central_queue from p limit 1))
    select p.at, p.from_tick, coalesce(p.end_tick_id, p.tick_id), p.end_tick_id is not null,
        to_timestamp(coalesce(p.end_tick_time_us, p.tick_time_us) / 1000000.0), p.moved - p.moved_before, p.mover, h.at
    from p
    left join lateral (
        select min(t.tick_id) as tick from ticks t
        where p.moved > p.moved_before and txid_visible_in_snapshot(p.xid, t.snapshot)) c on true
    left join lateral (
        select max(h.at) as at from tributary.handled h
        where c.tick > (select min(t.tick_id) from ticks t) and h.central_queue = p.central_queue
            and h.start_tick < c.tick and h.last_event_id is null
            and h.end_tick = (select min(o.end_tick) from tributary.handled o
                              where o.central_queue = p.central_queue and o.end_tick >= c.tick)) h on true
    order by p.n desc limit x_limit
$$;
