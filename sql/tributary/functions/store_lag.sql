-- ----------------------------------------------------------------------
-- Function: tributary.store_lag(2)
--
--      Stores the figures that a mover last saw of its sources.
--
-- Parameters:
--      x_mover     - the mover's host
--      x_figures   - json array of {source, age_s, state, reason, events_behind, exact, seconds_behind, last_tick}; age_s is
--                    how long ago it was seen: the server's clock decides, not the mover's
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
    insert into tributary.source_lag (source, at, state, reason, mover, events_behind, exact, seconds_behind, last_tick)
    select f.source, now() - make_interval(secs => f.age_s), f.state, f.reason, x_mover, f.events_behind, f.exact,
        f.seconds_behind, f.last_tick
    from jsonb_to_recordset(x_figures) as f (source integer, age_s double precision, state text, reason text,
        events_behind bigint, exact boolean, seconds_behind double precision, last_tick bigint)
    order by f.source
    on conflict (source) do update set
        at = excluded.at, state = excluded.state, reason = excluded.reason, mover = excluded.mover,
        events_behind = excluded.events_behind, exact = excluded.exact, seconds_behind = excluded.seconds_behind,
        last_tick = coalesce(excluded.last_tick, source_lag.last_tick);
    get diagnostics v_stored = row_count;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
