-- ----------------------------------------------------------------------
-- Function: tributary.halt_source(3)
--
--      Halts a source: nothing of it is moved until an operator has repaired it. The first reason stays.
--
-- Parameters:
--      x_source    - id of the source
--      x_code      - short stable name of what happened, e.g. diverged
--      x_reason    - a sentence: what happened and what to do
--
-- Returns:
--      true where it was halted now, false where it was halted already
--
-- Writes:
--      tributary.source, tributary.logbook
--
-- Called by:
--      src/central/positions.ts
-- ----------------------------------------------------------------------
create or replace function tributary.halt_source(x_source integer, x_code text, x_reason text)
returns boolean as $$
declare
    v_source    tributary.source;
begin
    update tributary.source
    set state = 'halted', halt_code = x_code, halt_reason = x_reason, halted_at = now()
    where id = x_source and state = 'active'
    returning * into v_source;
    if v_source.id is null then
        return false;
    end if;
    perform tributary.log_note(null, 'program', 'halt', array[v_source.central_queue],
        format('Source %s:%s was halted (%s).', v_source.shard, v_source.queue, x_code));
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
