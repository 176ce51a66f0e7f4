-- ----------------------------------------------------------------------
-- Function: tributary.sources_of(1)
--
--      The sources on some shards, each with its newest position.
--
-- Parameters:
--      x_shards    - names of shards
--
-- Returns:
--      a row per source; n is null where it has no position
--
-- Writes:
--      none
--
-- Called by:
--      src/central/positions.ts
-- ----------------------------------------------------------------------
create or replace function tributary.sources_of(x_shards text[])
returns table (
    source integer, shard text, queue text, central_queue text, state text, halt_reason text, paused boolean,
    pause_reason text, n bigint, tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text,
    end_tick_id bigint, end_tick_time_us bigint, end_tick_event_seq bigint, end_snapshot_md5 text,
    last_event_id bigint, moved bigint, routes text[]) as $$
    select s.id, s.shard, s.queue, s.central_queue, s.state, s.halt_reason, s.paused_at is not null,
        s.pause_reason, p.n, p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5,
        p.end_tick_id, p.end_tick_time_us, p.end_tick_event_seq, p.end_snapshot_md5,
        p.last_event_id, p.moved, s.routes
    from tributary.source s
    left join lateral (
        select * from tributary.position p where p.source = s.id order by p.n desc limit 1) p on true
    where s.shard = any (x_shards) and s.state <> 'retired'
    order by s.shard, s.queue
$$ language sql stable
   -- Position tables are never vacuumed, so the planner knows little of them and would read them whole.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
