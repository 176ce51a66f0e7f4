-- ----------------------------------------------------------------------
-- Function: tributary.activate_source(1)
--
--      Makes a halted source active again, once its position has been repaired.
--
-- Parameters:
--      x_source    - id of the source
--
-- Returns:
--      true where it was halted
--
-- Writes:
--      tributary.source
--
-- Called by:
--      src/central/history.ts
-- ----------------------------------------------------------------------
create or replace function tributary.activate_source(x_source integer)
returns boolean as $$
begin
    update tributary.source set state = 'active', halt_code = null, halt_reason = null, halted_at = null
    where id = x_source and state = 'halted';
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
