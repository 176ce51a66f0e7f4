-- The values of a row as texts, for the change triggers.

-- ----------------------------------------------------------------------
-- Function: pgq._row_values(1)
--
--      The values of a row as their types print them, taken out of the row's own text: a cast of each value would need
--      dynamic SQL for the table, and would trim char(n) and spell out booleans as well.
--
-- Parameters:
--      i_row   - the row as text: (1,,"a, ""b""")
--
-- Returns:
--      the values in the order of the columns, null for null
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_values(i_row text)
returns text[]
language plpgsql
immutable
strict
as $$
declare
    v_text      text := substr(i_row, 2, length(i_row) - 2);
    v_parts     text[];     -- between quotes: those with an odd number are outside of any value
    v_plain     text;       -- the row with a single quote in place of each quoted value
    v_quoted    text[];
    v_values    text[];
    v_count     integer;
    v_from      integer := 2;
    v_to        integer;
    v_value     text;
begin
    if v_text = '' then
        return array[null]::text[];
    elsif strpos(v_text, '"') = 0 then
        return string_to_array(v_text, ',', '');
    end if;

    v_parts := string_to_array(v_text, '"');
    v_count := cardinality(v_parts);
    v_plain := v_parts[1];
    while v_from < v_count loop
        v_value := v_parts[v_from];
        v_to := v_from;
        if v_parts[v_from + 1] = '' and v_from + 1 < v_count then
            -- Nothing between two quotes, and not at the end: a quote that belongs to the value.
            while v_to + 1 < v_count and v_parts[v_to + 1] = '' loop
                v_to := v_to + 2;
            end loop;
            v_value := replace(array_to_string(v_parts[v_from : v_to], '"'), '""', '"');
        end if;
        v_quoted := v_quoted || replace(v_value, E'\\\\', E'\\');
        v_plain := v_plain || '"' || v_parts[v_to + 1];
        v_from := v_to + 2;
    end loop;

    v_values := string_to_array(v_plain, ',', '');
    v_from := 0;
    for n in 1 .. cardinality(v_values) loop
        if v_values[n] = '"' then
            v_from := v_from + 1;
            v_values[n] := v_quoted[v_from];
        end if;
    end loop;
    return v_values;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._generated_values(5)
--
--      Puts in the values of generated columns that a row does not hold: those of virtual ones, and before the
--      operation also those that will be stored.
--
-- Parameters:
--      i_table     - the table
--      i_names     - its columns
--      i_values    - values of the row
--      i_row       - the row
--      i_stored    - also those that will be stored
--
-- Returns:
--      values of the row
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._generated_values(
    i_table oid, i_names text[], i_values text[], i_row anyelement, i_stored boolean)
returns text[]
language plpgsql
as $$
declare
    v_values    text[] := i_values;
    v_column    record;
    v_value     text;
begin
    for v_column in
        select array_position(i_names, a.attname::text) as n, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = i_table and a.attgenerated <> '' and (i_stored or a.attgenerated <> 's') and not a.attisdropped
    loop
        execute 'select case when e.x is not null then format(''%s'', e.x) end'
                ' from (select ' || v_column.expression || ' as x from (select ($1).*, $2 as tableoid) r) e'
           into v_value using i_row, i_table;
        v_values[v_column.n] := v_value;
    end loop;
    return v_values;
end;
$$;
