-- ----------------------------------------------------------------------
-- Function: pgq._trigger_options(1)
--
--      Reads the arguments of a change trigger after the first, which names the queue: SKIP, backup, deny,
--      ignore=COLUMNS, pkey=COLUMNS, and when, ev_type, ev_data, ev_extra1..4 =EXPRESSION.
--
-- Parameters:
--      i_args      - arguments of the trigger, numbered from 0
--
-- Returns:
--      the options by name
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._trigger_options(i_args text[])
returns jsonb
language plpgsql
as $$
declare
    v_arg       text;
    v_name      text;
    v_options   jsonb := '{}';
begin
    if coalesce(cardinality(i_args), 0) < 1 then
        raise exception 'pgq trigger must have destination queue as argument';
    end if;
    foreach v_arg in array i_args[1:] loop
        v_name := split_part(v_arg, '=', 1);
        if v_arg in ('SKIP', 'backup', 'deny') then
            v_options := v_options || jsonb_build_object(v_arg, true);
        elsif v_arg like '%=%' and v_name in ('ignore', 'pkey', 'when', 'ev_type', 'ev_data', 'ev_extra1', 'ev_extra2', 'ev_extra3', 'ev_extra4') then
            v_options := v_options || jsonb_build_object(v_name, substr(v_arg, length(v_name) + 2));
        else
            raise exception 'bad param to pgq trigger' using detail = 'unknown option: ' || v_arg;
        end if;
    end loop;
    return v_options;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._check_truncate_options(1)
--
--      Refuses options that a truncation has no rows for.
--
-- Parameters:
--      i_options   - the options
--
-- Returns:
--      nothing
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._check_truncate_options(i_options jsonb)
returns void
language plpgsql
as $$
begin
    if i_options ? 'ignore' then
        raise exception 'Column ignore does not make sense for truncate trigger';
    elsif i_options ? 'pkey' then
        raise exception 'Custom pkey_list does not make sense for truncate trigger';
    elsif i_options ? 'backup' then
        raise exception 'Backup does not make sense for truncate trigger';
    elsif i_options ?| array['when', 'ev_type', 'ev_data', 'ev_extra1', 'ev_extra2', 'ev_extra3', 'ev_extra4'] then
        raise exception 'Custom expressions do not make sense for truncater trigger'; -- spelt as the extension spells it
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._expression_query(1)
--
--      The query that computes an SQL expression of the trigger's owner over the columns of a row.
--
-- Parameters:
--      i_expression    - the expression
--
-- Returns:
--      the query, with the row as $1: a text as the value's type prints it; null where the expression is null
--
-- Writes:
--      none
--
-- Called by:
--      pgq._options_shape, pgq._override_fields
-- ----------------------------------------------------------------------
create or replace function pgq._expression_query(i_expression text)
returns text
language plpgsql
immutable
as $$
begin
    return 'select case when e.x is not null then format(''%s'', e.x) end from (select ' || i_expression || ' as x from (select ($1).*) r) e';
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._trigger_expression(2)
--
--      Computes an SQL expression of the trigger's owner over the columns of a row.
--
-- Parameters:
--      i_query     - the query for it, see pgq._expression_query
--      i_row       - the row
--
-- Returns:
--      the value, as its type prints it
--
-- Writes:
--      none
--
-- Called by:
--      pgq._override_fields, pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._trigger_expression(i_query text, i_row anyelement)
returns text
language plpgsql
as $$
declare
    v_value text;
begin
    execute i_query into v_value using i_row;
    return v_value;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._trigger_condition(2)
--
--      Decides the option when= for a row.
--
-- Parameters:
--      i_condition     - the condition
--      i_row           - the row
--
-- Returns:
--      does it hold?
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._trigger_condition(i_condition text, i_row anyelement)
returns boolean
language plpgsql
as $$
declare
    v_value text;
    v_type  oid;
begin
    execute 'select e.x, pg_typeof(e.x)::oid from (select ' || i_condition || ' as x from (select ($1).*) r) e'
       into v_value, v_type using i_row;
    if v_type <> 'boolean'::regtype then
        raise exception 'when= query result must be boolean, got=%', v_type;
    elsif v_value is null then
        raise exception 'when= should not be NULL';
    end if;
    return v_value::boolean;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._override_fields(5)
--
--      Replaces fields of an event by those that columns of the row (_pgq_ev_type and the like) or options give.
--
-- Parameters:
--      i_fields    - type, data, extra1..4
--      i_options   - options of the trigger
--      i_columns   - columns of the row
--      i_values    - their values
--      i_row       - the row
--
-- Returns:
--      the fields
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._override_fields(i_fields text[], i_options jsonb, i_columns text[], i_values text[], i_row anyelement)
returns text[]
language plpgsql
as $$
declare
    v_names     constant text[] := array['ev_type', 'ev_data', 'ev_extra1', 'ev_extra2', 'ev_extra3', 'ev_extra4'];
    v_fields    text[] := i_fields;
    v_column    integer;
begin
    for n in 1 .. 6 loop
        v_column := array_position(i_columns, '_pgq_' || v_names[n]);
        if v_column is not null then
            v_fields[n] := i_values[v_column];
        end if;
        if i_options ? v_names[n] then
            v_fields[n] := pgq._trigger_expression(pgq._expression_query(i_options ->> v_names[n]), i_row);
        end if;
    end loop;
    return v_fields;
end;
$$;
