-- ----------------------------------------------------------------------
-- Function: tributary.store_lag(5)
--
--      Stores a mover's report: what has changed of its sources, and that all else it reported before still holds. Where the
--      mover has no figures of a source, the last ones stay. What is lost with central is reported again, so no commit waits
--      for a disk.
--
-- Parameters:
--      x_member    - the mover's member id
--      x_mover     - the mover's host
--      x_age_s     - age of the oldest figures that stand
--      x_figures   - json array of {source, age_s, state, reason, cause, events_behind, exact, seconds_behind, stands, ages, last_tick,
--                    provider}; age_s is the age of the figures, null where there are none: times are by the server's clock,
--                    not the mover's
--      x_left      - sources that the mover looks after no longer: what it said of them last stays as it is now
--
-- Returns:
--      number of sources stored
--
-- Writes:
--      tributary.source_lag, tributary.mover_report
--
-- Called by:
--      src/central/source-states.ts
-- ----------------------------------------------------------------------
create or replace function tributary.store_lag(
    x_member uuid, x_mover text, x_age_s double precision, x_figures jsonb, x_left integer[])
returns integer as $$
declare
    v_stored    integer := 0;
begin
    perform set_config('synchronous_commit', 'off', true);
    if cardinality(x_left) > 0 then
        update tributary.source_lag l
        set member = null, reported_at = r.reported_at, at = r.at, seconds_behind = r.seconds_behind, stands = false, ages = false
        from tributary.source_report r
        where l.source = any (x_left) and l.member = x_member and r.source = l.source;
    end if;
    if jsonb_array_length(x_figures) > 0 then
        insert into tributary.source_lag as l (source, reported_at, at, state, reason, member, mover, events_behind, exact,
            seconds_behind, stands, ages, last_tick, provider, state_since, cause)
        select f.source, now(), now() - make_interval(secs => f.age_s), f.state, f.reason, x_member, x_mover,
            f.events_behind, f.exact, f.seconds_behind, f.stands, f.ages, f.last_tick, f.provider, now(), f.cause
        from jsonb_to_recordset(x_figures) as f (source integer, age_s double precision, state text, reason text,
            events_behind bigint, exact boolean, seconds_behind double precision, stands boolean, ages boolean,
            last_tick bigint, provider text, cause text)
        -- A source that was let go meanwhile must not fail the others.
        where exists (select from tributary.source s where s.id = f.source)
        order by f.source
        on conflict (source) do update set
            state_since = case when excluded.state = l.state then l.state_since else excluded.state_since end,
            reported_at = excluded.reported_at, state = excluded.state, reason = excluded.reason,
            cause = excluded.cause,
            member = excluded.member, mover = excluded.mover, stands = excluded.stands, ages = excluded.ages,
            at = case when excluded.events_behind is null
                then (select r.at from tributary.source_report r where r.source = l.source) else excluded.at end,
            events_behind = coalesce(excluded.events_behind, l.events_behind),
            exact = case when excluded.events_behind is null then l.exact else excluded.exact end,
            seconds_behind = case when excluded.events_behind is null
                then (select r.seconds_behind from tributary.source_report r where r.source = l.source)
                else excluded.seconds_behind end,
            last_tick = coalesce(excluded.last_tick, l.last_tick),
            provider = coalesce(excluded.provider, l.provider);
        get diagnostics v_stored = row_count;
    end if;
    update tributary.mover_report r set at = now(), age = make_interval(secs => x_age_s) where r.member = x_member;
    if not found then
        delete from tributary.mover_report r
        where r.at < now() - interval '1 day' and not exists (select from tributary.source_lag l where l.member = r.member);
        insert into tributary.mover_report (member, at, age) values (x_member, now(), make_interval(secs => x_age_s))
        on conflict (member) do nothing;
    end if;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
