-- ----------------------------------------------------------------------
-- Function: tributary.dead_discard(2)
--
--      Deletes dead events, the oldest first.
--
-- Parameters:
--      x_filter    - as of tributary.dead_matching
--      x_limit     - most events
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

-- ----------------------------------------------------------------------
-- Function: tributary.dead_expire(3)
--
--      Deletes dead events of a group that are old enough; for a queue also those that were refused, and those of its groups that
--      have no workers any more. In the order of their age, the oldest first; the age of those that were handed out again counts from then.
--
-- Parameters:
--      x_queue     - the queue, or a group of it as tributary.group_of takes it
--      x_keep_ms   - how long they are kept, in milliseconds
--      x_limit     - most events
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
create or replace function tributary.dead_expire(x_queue text, x_keep_ms float8, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.dead_event d
        where d.id in (
            select e.id from tributary.group_of(x_queue, '') w, tributary.dead_event e
            where e.central_queue = w.queue
              and (e.group_name is not distinct from w.part or w.part is null and not exists (
                  select from tributary.worker_pool p where p.central_queue = e.central_queue || '/' || e.group_name))
              and coalesce(e.redriven_at, e.died_at) < now() - x_keep_ms * interval '1 millisecond'
            order by coalesce(e.redriven_at, e.died_at) limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
