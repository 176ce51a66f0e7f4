-- ----------------------------------------------------------------------
-- Function: pgq.logutriga(0)
--
--      Row trigger (also for TRUNCATE) that puts each change of a table into a queue urlencoded: all columns of the
--      row; type: the operation's first letter and the key, R for TRUNCATE.
--
-- Parameters:
--      those of the trigger: name of the queue, then options, see pgq._trigger_options
--
-- Returns:
--      the row, or null to suppress the operation (option SKIP)
--
-- Writes:
--      see pgq.insert_event
--
-- Called by:
--      triggers of users
-- ----------------------------------------------------------------------
create or replace function pgq.logutriga()
returns trigger
language plpgsql
as $$
declare
    v_skip  boolean;
begin
    case tg_op
    when 'INSERT' then
        v_skip := pgq._trigger_change('url', tg_op, tg_when, tg_level, tg_relid, tg_table_schema, tg_table_name, tg_argv, new, new);
    when 'UPDATE' then
        v_skip := pgq._trigger_change('url', tg_op, tg_when, tg_level, tg_relid, tg_table_schema, tg_table_name, tg_argv, new, old);
    when 'DELETE' then
        v_skip := pgq._trigger_change('url', tg_op, tg_when, tg_level, tg_relid, tg_table_schema, tg_table_name, tg_argv, old, old);
        return case when v_skip then null else old end;
    else
        v_skip := pgq._trigger_change('url', tg_op, tg_when, tg_level, tg_relid, tg_table_schema, tg_table_name, tg_argv, null::text, null::text);
        return null;
    end case;
    return case when v_skip then null else new end;
end;
$$;
