-- ----------------------------------------------------------------------
-- Function: tributary.lag_sources(0)
--
--      All sources as central knows them: state, position, and the last report of a mover with its ages, by the server's clock.
--
-- Parameters:
--      none
--
-- Returns:
--      a row per source that was not let go
--      n                       - null where it has no position
--      report_age_s            - age of the last report of a mover; null: there is none
--      figures_age_s           - age of the figures; null: there are none
--      halted_age_s            - since it was halted; null: it is not
--      state_age_s             - how long movers have reported this state; null where that is not known
--      cause                   - the name that doctor has for the reason of that report
--      ages                    - seconds_behind grows with the age of the figures
--      holder                  - host of the mover that holds the shard's lease now; null: no mover does
--      freed_age_s             - since the last holder let the lease go; null where it did not
--
-- Writes:
--      none
--
-- Called by:
--      src/observability/lag/read-central.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lag_sources()
returns table (
    source integer, shard text, queue text, central_queue text, state text, halt_reason text, paused boolean,
    pause_reason text, paused_age_s double precision, n bigint, tick_id bigint, tick_time_us bigint,
    tick_event_seq bigint, tick_snapshot_md5 text, end_tick_id bigint, last_event_id bigint, moved bigint,
    report_age_s double precision, figures_age_s double precision, report_state text, report_reason text, mover text,
    events_behind bigint, exact boolean, seconds_behind double precision, ages boolean, last_tick bigint, provider text,
    holder text, freed_age_s double precision, halted_age_s double precision, state_age_s double precision,
    halt_code text, paused_by text, cause text, routes text[], unrouted bigint) as $$
    select s.id, s.shard, s.queue, s.central_queue, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason,
        extract(epoch from now() - s.paused_at)::double precision, p.n, p.tick_id, p.tick_time_us, p.tick_event_seq,
        p.tick_snapshot_md5, p.end_tick_id, p.last_event_id, p.moved,
        extract(epoch from now() - l.reported_at)::double precision,
        extract(epoch from now() - l.at)::double precision,
        l.state, l.reason, l.mover, l.events_behind, l.exact, l.seconds_behind, l.ages, l.last_tick,
        l.provider,
        case when e.is_held then e.host end,
        case when e.holder is null then extract(epoch from now() - e.freed_at)::double precision end,
        case when s.state = 'halted' then extract(epoch from now() - s.halted_at)::double precision end,
        extract(epoch from now() - l.state_since)::double precision,
        s.halt_code, s.paused_by, l.cause, s.routes, p.unrouted
    from tributary.source s
    left join lateral (
        select * from tributary.position p where p.source = s.id order by p.n desc limit 1) p on true
    left join tributary.source_report l on l.source = s.id
    left join tributary.lease e on e.resource = 'shard:' || s.shard
    where s.state <> 'retired'
    order by s.shard, s.queue
$$ language sql stable
   -- Position tables are never vacuumed, so the planner knows little of them and would read them whole.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
