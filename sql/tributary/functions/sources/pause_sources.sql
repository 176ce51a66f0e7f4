-- ----------------------------------------------------------------------
-- Function: tributary.pause_sources(3)
--
--      Pauses sources: movers stop reading them within about a second. A source that is paused already keeps its time, and
--      its reason unless another one is given.
--
-- Parameters:
--      x_sources   - ids
--      x_reason    - why, for people; null: none
--      x_by        - who, for people
--
-- Returns:
--      ids of those that were paused now
--
-- Writes:
--      tributary.source
--
-- Called by:
--      src/central/pause.ts
-- ----------------------------------------------------------------------
create or replace function tributary.pause_sources(x_sources integer[], x_reason text, x_by text default null)
returns setof integer as $$
begin
    perform 1 from tributary.source s where s.id = any (x_sources) order by s.id for update;
    update tributary.source s set pause_reason = x_reason
    where s.id = any (x_sources) and s.paused_at is not null and x_reason is not null;
    return query
    update tributary.source s set paused_at = now(), pause_reason = x_reason, paused_by = x_by
    where s.id = any (x_sources) and s.paused_at is null and s.state <> 'retired'
    returning s.id;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.resume_sources(1)
--
--      Ends the pause of sources. A halted source stays halted: only a repair activates it.
--
-- Parameters:
--      x_sources   - ids
--
-- Returns:
--      ids of those that were paused until now
--
-- Writes:
--      tributary.source
--
-- Called by:
--      src/central/pause.ts
-- ----------------------------------------------------------------------
create or replace function tributary.resume_sources(x_sources integer[])
returns setof integer as $$
begin
    perform 1 from tributary.source s where s.id = any (x_sources) order by s.id for update;
    return query
    update tributary.source s set paused_at = null, pause_reason = null, paused_by = null
    where s.id = any (x_sources) and s.paused_at is not null and s.state <> 'halted'
    returning s.id;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
