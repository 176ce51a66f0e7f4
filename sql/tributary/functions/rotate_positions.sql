-- ----------------------------------------------------------------------
-- Function: tributary.rotate_positions(1)
--
--      Empties the older of the two position tables by TRUNCATE and makes it the current one. The newest position of every
--      source is carried over first where only the older table holds it.
--
-- Parameters:
--      x_period    - how old the last switch must be; so long at least the history of fingerprints reaches back
--
-- Returns:
--      true where it switched; false where it is not due, or where somebody is in the way (then it is tried again later)
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
begin
    select current, switched_at into v_current, v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    -- Exclusive, but never waited for: a commit in progress holds it shared, and who waits would hold up all commits.
    if not pg_try_advisory_xact_lock(1414678850, -1) then
        return false;
    end if;
    select current, switched_at into v_current, v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    begin
        execute format('lock table tributary.position_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    execute format($sql$
        insert into tributary.position_%1$s
        select distinct on (source) old.* from tributary.position_%2$s old
        where not exists (select from tributary.position_%1$s new where new.source = old.source)
        order by source, n desc
        $sql$, v_current, 1 - v_current);
    execute format('truncate tributary.position_%s', 1 - v_current);
    update tributary.position_table set current = 1 - v_current, switched_at = now();
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
