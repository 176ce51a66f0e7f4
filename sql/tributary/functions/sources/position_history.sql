-- ----------------------------------------------------------------------
-- Function: tributary.position_history(1)
--
--      The ticks that a source has been moved to, the newest first: where the shard still knows one of them, both agree.
--
-- Parameters:
--      x_source    - id of the source
--
-- Returns:
--      a row per position outside a window
--
-- Writes:
--      none
--
-- Called by:
--      src/central/history.ts
-- ----------------------------------------------------------------------
create or replace function tributary.position_history(x_source integer)
returns table (tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text, at timestamptz) as $$
    select p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5, p.at
    from tributary.position p where p.source = x_source order by p.n desc
$$ language sql stable set search_path = pg_catalog, pg_temp;
