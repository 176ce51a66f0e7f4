-- ----------------------------------------------------------------------
-- Function: pgq.seq_getval(1)
--
--      Last value of a sequence; where it was never used, its first value.
--
-- Parameters:
--      i_seq_name      - name; what stands before its first dot is the schema, public without one
--
-- Returns:
--      the value
--
-- Writes:
--      none
--
-- Called by:
--      pgq.get_queue_info, pgq.seq_setval, users
-- ----------------------------------------------------------------------
create or replace function pgq.seq_getval(i_seq_name text)
returns bigint
language plpgsql
strict
as $$
declare
    v_value bigint;
begin
    execute 'select last_value from ' || pgq.quote_fqname(i_seq_name) into v_value;
    return v_value;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.seq_setval(2)
--
--      Raises a sequence to a value; never lowers it.
--
-- Parameters:
--      i_seq_name      - name, as in pgq.seq_getval
--      i_new_value     - the value
--
-- Returns:
--      last value of the sequence now
--
-- Writes:
--      the sequence
--
-- Called by:
--      pgq.force_tick, pgq.ticker(4), users
-- ----------------------------------------------------------------------
create or replace function pgq.seq_setval(i_seq_name text, i_new_value bigint)
returns bigint
language plpgsql
strict
as $$
declare
    v_value bigint := pgq.seq_getval(i_seq_name);
begin
    if v_value < i_new_value then
        v_value := setval(pgq.quote_fqname(i_seq_name)::regclass, i_new_value);
    end if;
    return v_value;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.quote_fqname(1)
--
--      Quotes a name with its schema.
--
-- Parameters:
--      i_name      - name; what stands before its first dot is the schema, public without one
--
-- Returns:
--      the name for use in SQL
--
-- Writes:
--      none
--
-- Called by:
--      pgq.seq_getval, pgq.seq_setval, users
-- ----------------------------------------------------------------------
create or replace function pgq.quote_fqname(i_name text)
returns text
language sql
strict
immutable
as $$
    select case strpos(i_name, '.')
           when 0 then 'public.' || quote_ident(i_name)
           else quote_ident(left(i_name, strpos(i_name, '.') - 1)) || '.' || quote_ident(substr(i_name, strpos(i_name, '.') + 1))
           end;
$$;
