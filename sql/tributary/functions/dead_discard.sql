-- ----------------------------------------------------------------------
-- Function: tributary.dead_discard(2)
--
--      Deletes dead events, the oldest first.
--
-- Parameters:
--      x_filter    - as of tributary.dead_matching
--      x_limit     - at most so many
--
-- Returns:
--      how many
--
-- Writes:
--      tributary.dead_event
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_discard(x_filter jsonb, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.dead_event d
        where d.id in (select m.id from tributary.dead_matching(x_filter) m (id) order by m.id limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
