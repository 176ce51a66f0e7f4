-- Options of change triggers as a part of the table's shape, see trigger_table.sql. To read them for each row, and then to
-- format one value after another, would cost about as much as everything else.

-- ----------------------------------------------------------------------
-- Function: pgq._trigger_arguments(1)
--
--      Reads the arguments of a trigger after the first, as the catalog has them.
--
-- Parameters:
--      i_args      - all arguments, a zero byte after each
--
-- Returns:
--      the arguments after the first
--
-- Writes:
--      none
--
-- Called by:
--      pgq._table_shape
-- ----------------------------------------------------------------------
create or replace function pgq._trigger_arguments(i_args bytea)
returns text[]
language plpgsql
stable
as $$
declare
    v_zero  constant bytea := decode('00', 'hex');
    v_rest  bytea := i_args;
    v_args  text[] := '{}';
begin
    while octet_length(v_rest) > 0 loop
        v_args := v_args || convert_from(substring(v_rest for position(v_zero in v_rest) - 1), getdatabaseencoding());
        v_rest := substring(v_rest from position(v_zero in v_rest) + 1);
    end loop;
    return v_args[2:];
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._options_shape(2)
--
--      What options of a trigger mean for the columns of its table. It is part of the table's shape, so that it is found
--      out once and not for each row.
--
-- Parameters:
--      i_shape     - the table, see pgq._table_shape; none of its columns is generated or named _pgq_ev_
--      i_args      - arguments of the trigger after the queue
--
-- Returns:
--      rows of an array; null where reading the options for each row has to do, since they are wrong or unusual:
--      1 - names of the key's columns, then nulls
--      2 - as row 7 of the table, for this key and without the columns of ignore=; in place 11, where there are such, a
--          format for the values in SQL
--      3 - patterns for the columns of ignore= in JSON, the last column first, then nulls
--      4 - places of the key's columns, in the order of the table, then nulls
--      5 - for each column: not null where ignore= names it
--      6 - the arguments as text; not null for SKIP, for backup; the expression of when=; not null where there is any ev_;
--          then for each of these six (type, data, extra1..4) an equals sign and the value, or a colon and the column that
--          has it, or a query for it
--
-- Writes:
--      none
--
-- Called by:
--      pgq._table_shape
-- ----------------------------------------------------------------------
create or replace function pgq._options_shape(i_shape text[], i_args text[])
returns text[]
language plpgsql
stable
as $$
declare
    v_width     constant integer := array_length(i_shape, 2);
    v_nulls     constant text[] := array_fill(null::text, array[v_width]);
    v_names     constant text[] := (array(select unnest(i_shape[1:1])))[1 : i_shape[7][1]::integer];
    v_columns   constant text[] := (array(select unnest(i_shape[5:5])))[1 : i_shape[7][1]::integer];
    v_facts     text[] := array(select unnest(i_shape[7:7]));
    v_key       text[] := array_remove(array(select unnest(i_shape[6:6])), null);
    v_options   jsonb;
    v_ignored   text[];
    v_hidden    text[];
    v_formats   text[];
    v_fields    text[];
    v_patterns  text[];
    v_places    text[];
begin
    if exists (select from unnest(i_args) a (arg)
                where arg !~ '^(SKIP$|backup$|(ignore|pkey|when|ev_type|ev_data|ev_extra[1-4])=)')
       or (select count(distinct split_part(arg, '=', 1)) from unnest(i_args) a (arg)) < cardinality(i_args) then
        return null;
    end if;
    v_options := pgq._trigger_options(i_args);

    if v_options ? 'pkey' then
        v_key := string_to_array(v_options ->> 'pkey', ',');
        v_facts[2] := to_json(v_key)::text;
        v_facts[3] := v_options ->> 'pkey';
        if cardinality(v_key) not between 1 and v_width then
            return null;
        end if;
    end if;
    -- Most often a text, or a column, which JSON writes down as its type does: both come without a query.
    v_fields := array(
        select coalesce('=' || substring(expression from E'^\x27([^\x27\\\\]*)\x27$'),
                        ':' || v_names[case i_shape[2][p] when 'i' then p when 's' then p when 'n' then p end],
                        pgq._expression_query(expression))
          from unnest(array['ev_type', 'ev_data', 'ev_extra1', 'ev_extra2', 'ev_extra3', 'ev_extra4']) with ordinality f (field, n)
         cross join lateral (select v_options ->> field as expression) o
         cross join lateral (select array_position(v_columns, expression) as p) c
         order by n);
    v_places := array(select n from unnest(v_names) with ordinality c (name, n) where name = any (v_key) order by n);

    v_ignored := array(select name from unnest(string_to_array(v_options ->> 'ignore', ',')) c (name) where name = any (v_names));
    v_hidden := array(select case when name = any (v_ignored) then 'ignored' end from unnest(v_names) with ordinality c (name, n) order by n);
    if v_ignored <> '{}' then
        if array_to_string(v_ignored, '') ~ '[^A-Za-z0-9_]' then
            -- Such a name could look like something else in JSON.
            return null;
        end if;
        select array[
                   coalesce(string_agg(replace(i_shape[4][n], '%', '%%') || '%' || n || '$s', '&' order by n), ''),
                   '(' || coalesce(string_agg(i_shape[5][n], ',' order by n), '') || ') values (',
                   coalesce(string_agg('%' || n || '$s', ',' order by n), '') || ')']
          into v_formats
          from generate_series(1, cardinality(v_names)) n
         where v_hidden[n] is null;
        v_facts[9:11] := v_formats;
        -- No such text can be within a string, where a quote has a backslash before it.
        v_patterns := array(
            select case n when 1 then E'(?<=\\{)' else ',' end || '"' || name || E'":(?:"(?:[^"\\\\]|\\\\.)*"|[^",}]*)' || case n when 1 then ',?' else '' end
              from unnest(v_names) with ordinality c (name, n)
             where v_hidden[n] is not null
             order by n desc);
    end if;

    return array[
        (v_key || v_nulls)[1:v_width],
        v_facts,
        (v_patterns || v_nulls)[1:v_width],
        (v_places || v_nulls)[1:v_width],
        (v_hidden || v_nulls)[1:v_width],
        (array[i_args::text, v_options ->> 'SKIP', v_options ->> 'backup', v_options ->> 'when',
               substring(i_args::text from 'ev_')] || v_fields || v_nulls)[1:v_width]];
end;
$$;
