-- ----------------------------------------------------------------------
-- Function: tributary.lane_rewrite(1)
--
--      Writes the rows of lanes anew into an empty table once their old versions fill it. Each batch changes the row of its lane
--      twice; while an old snapshot is held no version of it can be removed, and every look at the lanes would visit all of
--      them. Nobody but our own functions reads this table, and what an old snapshot saw of it nobody asks for. To be called
--      every second or so.
--
-- Parameters:
--      x_bytes     - size from which on it is done; more where there are many lanes
--
-- Returns:
--      true where it was; false where there is no need, or somebody held the table: then it is to be called again later
--
-- Writes:
--      tributary.lane
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_rewrite(x_bytes bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows  tributary.lane[];
begin
    -- Elsewhere the rows would be read as they were before the lock, and positions would go back.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        return false;
    end if;
    -- Each lane may have a page of its own.
    if pg_relation_size('tributary.lane')
        < greatest(x_bytes, (select 8192 * coalesce(sum(o.lanes), 0) from tributary.lane_set o))
    then
        return false;
    end if;
    begin
        -- Who comes meanwhile waits for as long, and then for a moment.
        perform set_config('lock_timeout', '10ms', true);
        lock table tributary.lane in access exclusive mode;
    exception when lock_not_available then
        return false;
    end;
    select array_agg(l) into v_rows from tributary.lane l;
    truncate tributary.lane;
    insert into tributary.lane select * from unnest(v_rows);
    return true;
end;
$$;

revoke all on function tributary.lane_rewrite(bigint) from public;
