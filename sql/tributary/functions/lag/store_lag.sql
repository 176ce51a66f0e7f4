-- ----------------------------------------------------------------------
-- Function: tributary.store_lag(2)
--
--      Stores a mover's report of its sources. Where the mover has no figures of one, the last ones stay.
--
-- Parameters:
--      x_mover     - the mover's host
--      x_figures   - json array of {source, age_s, state, reason, cause, events_behind, exact, seconds_behind, last_tick, provider};
--                    age_s is the age of the figures, null where there are none: times are by the server's clock, not the
--                    mover's
--
-- Returns:
--      number of sources stored
--
-- Writes:
--      tributary.source_lag
--
-- Called by:
--      src/central/source-states.ts
-- ----------------------------------------------------------------------
create or replace function tributary.store_lag(x_mover text, x_figures jsonb)
returns integer as $$
declare
    v_stored    integer;
begin
    insert into tributary.source_lag as l (source, reported_at, at, state, reason, mover, events_behind, exact,
        seconds_behind, last_tick, provider, state_since, cause)
    select f.source, now(), now() - make_interval(secs => f.age_s), f.state, f.reason, x_mover, f.events_behind, f.exact,
        f.seconds_behind, f.last_tick, f.provider, now(), f.cause
    from jsonb_to_recordset(x_figures) as f (source integer, age_s double precision, state text, reason text,
        events_behind bigint, exact boolean, seconds_behind double precision, last_tick bigint, provider text, cause text)
    -- A source that was let go meanwhile must not fail the others.
    where exists (select from tributary.source s where s.id = f.source)
    order by f.source
    on conflict (source) do update set
        state_since = case when excluded.state = l.state then l.state_since else excluded.state_since end,
        reported_at = excluded.reported_at, state = excluded.state, reason = excluded.reason, cause = excluded.cause, mover = excluded.mover,
        at = case when excluded.events_behind is null then l.at else excluded.at end,
        events_behind = coalesce(excluded.events_behind, l.events_behind),
        exact = case when excluded.events_behind is null then l.exact else excluded.exact end,
        seconds_behind = case when excluded.events_behind is null then l.seconds_behind else excluded.seconds_behind end,
        last_tick = coalesce(excluded.last_tick, l.last_tick),
        provider = coalesce(excluded.provider, l.provider);
    get diagnostics v_stored = row_count;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
