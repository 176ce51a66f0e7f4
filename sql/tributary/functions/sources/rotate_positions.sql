-- ----------------------------------------------------------------------
-- Function: tributary.rotate_positions(1)
--
--      Empties the older of the two position tables by TRUNCATE and makes it the current one, in two calls. The first one
--      carries over the newest position of every source that only the older table holds, beside all commits. A later one
--      finds nothing left to carry over and empties the table: the lock that keeps commits out is held for a moment,
--      however much the table holds, and a reader that began before that finds each source in the other table.
--
-- Parameters:
--      x_period    - how old the last switch must be; the history of fingerprints reaches back at least this long
--
-- Returns:
--      true where it switched; false where it is not due, where it has carried positions over, or where a commit holds the
--      lock (then it is to be called again later)
--
-- Writes:
--      tributary.position_0, tributary.position_1, tributary.position_table
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.rotate_positions(x_period interval)
returns boolean as $$
declare
    v_current   integer;
    v_switched  timestamptz;
    v_carried   integer;
begin
    select switched_at into v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    -- Shared, as commits hold it: the tables do not change their parts while positions are carried over.
    lock table tributary.position_table in row exclusive mode;
    select current, switched_at into v_current, v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    -- The newest row of each by its key: the older table may hold millions.
    execute format($sql$
        insert into tributary.position_%1$s
        select newest.*
        from tributary.source s
        left join lateral (
            select true as is_there from tributary.position_%1$s new where new.source = s.id limit 1) new on true
        cross join lateral (
            select old.* from tributary.position_%2$s old where old.source = s.id order by old.n desc limit 1) newest
        where new.is_there is null
        $sql$, v_current, 1 - v_current);
    get diagnostics v_carried = row_count;
    if v_carried > 0 then
        return false;
    end if;
    -- Exclusive, but never waited for: a commit in progress holds it shared, and a waiting lock would hold up all commits.
    begin
        lock table tributary.position_table in share row exclusive mode nowait;
        execute format('lock table tributary.position_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    execute format('truncate tributary.position_%s', 1 - v_current);
    update tributary.position_table set current = 1 - v_current, switched_at = now();
    return true;
end;
$$ language plpgsql
   -- Position tables are never vacuumed, so the planner knows little of them and would read them whole.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
