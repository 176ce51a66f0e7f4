-- Formats a change: as JSON, urlencoded, or as a fragment of SQL.

-- ----------------------------------------------------------------------
-- Function: pgq._event_type(6)
--
--      The type of a change's event.
--
-- Parameters:
--      i_format            - json, url or sql
--      i_op                - INSERT, UPDATE, DELETE or TRUNCATE
--      i_schema, i_table   - the table
--      i_key_json, i_key   - columns of its key, as JSON and with commas
--
-- Returns:
--      the type
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._event_type(i_format text, i_op text, i_schema text, i_table text, i_key_json text, i_key text)
returns text
language plpgsql
as $$
begin
    return case
        when i_format = 'json' then '{"op":"' || i_op || '","table":[' || to_json(i_schema) || ',' || to_json(i_table) || '],"pkey":' || i_key_json || '}'
        when i_op = 'TRUNCATE' then 'R'
        when i_format = 'url' then left(i_op, 1) || ':' || i_key
        else left(i_op, 1) end;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._whole_row_json(4)
--
--      A row as a JSON object, of a table all of whose columns the server writes as JSON as we do, but for numbers.
--
-- Parameters:
--      i_shape     - the table, see pgq._table_shape
--      i_at        - the row of i_shape before those of the trigger's options; 5: it has none
--      i_new       - the row
--      i_old       - the row as it was before an update, or null
--
-- Returns:
--      the object; \x05 where an update changed ignored columns alone
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._whole_row_json(i_shape text[], i_at integer, i_new json, i_old json)
returns text
language plpgsql
as $$
declare
    v_json  text := i_new;
    v_old   text := i_old;
    n       integer := 1;
begin
    if i_old is not null then
        while i_shape[i_at + 1][n] is not null loop
            if i_new ->> i_shape[i_at + 1][n] is distinct from i_old ->> i_shape[i_at + 1][n] then
                raise exception 'primary key update not allowed';
            end if;
            n := n + 1;
        end loop;
        n := 1;
    end if;
    if i_at > 5 and i_shape[i_at + 3][1] is not null then
        while i_shape[i_at + 3][n] is not null loop
            v_json := regexp_replace(v_json, i_shape[i_at + 3][n], E'\\1');
            v_old := regexp_replace(v_old, i_shape[i_at + 3][n], E'\\1');
            n := n + 1;
        end loop;
        if v_json = v_old and i_new::text <> i_old::text then
            return E'\x05';
        end if;
        n := 1;
    end if;
    while i_shape[8][n] is not null loop
        v_json := regexp_replace(v_json, i_shape[8][n], E'\\1"\\2"');
        n := n + 1;
    end loop;
    return v_json;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._row_json(4)
--
--      A row as a JSON object: booleans and whole numbers bare, times in ISO 8601, everything else as a string.
--
-- Parameters:
--      i_shape     - the table, see pgq._table_shape
--      i_hidden    - which columns to leave out; null: none
--      i_values    - the values
--      i_row       - the row itself
--
-- Returns:
--      the object
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_json(i_shape text[], i_hidden boolean[], i_values text[], i_row anyelement)
returns text
language plpgsql
as $$
declare
    -- Texts of times depend on the session's DateStyle, JSON does not.
    v_times json := case when i_shape[7][7] is not null then row_to_json(i_row) end;
    v_json  text := '';
    v_value text;
begin
    for n in 1 .. cardinality(i_values) loop
        continue when i_hidden[n];
        v_value := i_values[n];
        v_json := v_json || ',' || i_shape[3][n] || case
            when v_value is null then 'null'
            when i_shape[2][n] in ('s', 'n', 'x') then to_json(v_value)::text
            when i_shape[2][n] = 'i' then v_value
            when i_shape[2][n] = 'b' then case v_value when 't' then 'true' else 'false' end
            -- A generated value may be in the text alone.
            when v_times ->> i_shape[1][n] is not null then to_json(v_times ->> i_shape[1][n])::text
            when i_shape[2][n] = 'd' then to_json(v_value::date)::text
            when i_shape[2][n] = 't' then to_json(v_value::timestamp)::text
            else to_json(v_value::timestamptz)::text end;
    end loop;
    return '{' || substr(v_json, 2) || '}';
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._row_url(3)
--
--      A row urlencoded: column=value&column, the latter where the value is null.
--
-- Parameters:
--      i_shape     - the table, see pgq._table_shape
--      i_hidden    - which columns to leave out; null: none
--      i_values    - the values
--
-- Returns:
--      the text
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_url(i_shape text[], i_hidden boolean[], i_values text[])
returns text
language plpgsql
as $$
declare
    v_url   text := '';
    v_value text;
begin
    for n in 1 .. cardinality(i_values) loop
        continue when i_hidden[n];
        v_value := i_values[n];
        if v_value ~ '[^A-Za-z0-9_.-]' then
            v_value := pgq._urlencode(v_value);
        end if;
        v_url := v_url || '&' || i_shape[4][n] || coalesce('=' || v_value, '');
    end loop;
    return substr(v_url, 2);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._row_sql(6)
--
--      A change as what follows the table's name in an SQL statement: of an update the changed columns; where none is,
--      a key column set to itself, since SQL has no empty list.
--
-- Parameters:
--      i_op            - INSERT, UPDATE or DELETE
--      i_shape         - the table, see pgq._table_shape
--      i_hidden        - which columns to leave out; null: none
--      i_key           - columns of the key
--      i_new, i_old    - the values
--
-- Returns:
--      the fragment
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_sql(i_op text, i_shape text[], i_hidden boolean[], i_key text[], i_new text[], i_old text[])
returns text
language plpgsql
as $$
declare
    v_names     text := '';
    v_values    text := '';
    v_changes   text := '';
    v_condition text := '';
    v_first     text;
begin
    if i_op = 'INSERT' then
        for n in 1 .. cardinality(i_new) loop
            continue when i_hidden[n];
            v_names := v_names || ',' || i_shape[5][n];
            v_values := v_values || ',' || coalesce(quote_literal(i_new[n]), 'null');
        end loop;
        return '(' || substr(v_names, 2) || ') values (' || substr(v_values, 2) || ')';
    end if;

    for n in 1 .. cardinality(i_new) loop
        if i_op = 'UPDATE' and i_new[n] is distinct from i_old[n] and i_hidden[n] is not true then
            v_changes := v_changes || ',' || i_shape[5][n] || '=' || coalesce(quote_literal(i_new[n]), 'NULL');
        end if;
        if i_shape[1][n] = any (i_key) and left(i_shape[1][n], 8) <> '_pgq_ev_' then
            if i_old[n] is null then
                -- Left out, the condition would hold for other rows too.
                raise exception 'logtriga: Unexpected NULL key value';
            end if;
            v_condition := v_condition || ' and ' || i_shape[5][n] || '=' || quote_literal(i_old[n]);
            v_first := coalesce(v_first, i_shape[5][n] || '=' || quote_literal(i_new[n]));
        end if;
    end loop;
    if v_condition = '' then
        raise exception 'Update/Delete on table without pkey' using detail = 'The table has none of the columns of the key.';
    end if;
    return case when i_op <> 'UPDATE' then '' when v_changes = '' then v_first || ' where '
                else substr(v_changes, 2) || ' where ' end || substr(v_condition, 6);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._urlencode(1)
--
--      Encodes a text as in a query string: a space becomes +, all but letters, digits and _ . - becomes %xx, byte by
--      byte in the database's own encoding.
--
-- Parameters:
--      i_text      - the text
--
-- Returns:
--      the encoded text
--
-- Writes:
--      none
--
-- Called by:
--      pgq._row_url
-- ----------------------------------------------------------------------
create or replace function pgq._urlencode(i_text text)
returns text
language plpgsql
strict
immutable
as $$
declare
    -- The percent sign and the plus first, since the others become these.
    v_text  text := replace(replace(replace(replace(replace(replace(replace(replace(i_text,
        '%', '%25'), '+', '%2b'), ' ', '+'), ':', '%3a'), '"', '%22'), ',', '%2c'), '/', '%2f'), '@', '%40');
    v_other text;
begin
    if v_text !~ '[^A-Za-z0-9_.%+-]' then
        return v_text;
    end if;
    -- Characters that are frequent in JSON and SQL, and those that pgq._plain_row puts in.
    v_text := replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(v_text,
        '{', '%7b'), '}', '%7d'), '[', '%5b'), ']', '%5d'), '(', '%28'), ')', '%29'), '''', '%27'), '=', '%3d'), ';', '%3b'),
        '&', '%26'), E'\x01', '%01'), E'\x02', '%02'), E'\x03', '%03'), E'\x04', '%04');
    -- Others are few as a rule, and occur often.
    for n in 1 .. 6 loop
        v_other := substring(v_text from '[^A-Za-z0-9_.%+-]');
        if v_other is null then
            return v_text;
        end if;
        v_text := replace(v_text, v_other, regexp_replace(encode(convert_to(v_other, getdatabaseencoding()), 'hex'), '(..)', E'%\\1', 'g'));
    end loop;
    -- Runs of what needs nothing, or no more, and of what does; hex digits become %xx two by two.
    return (
        select string_agg(m[1] || regexp_replace(encode(convert_to(m[2], getdatabaseencoding()), 'hex'), '(..)', E'%\\1', 'g'), '' order by n)
          from regexp_matches(v_text, '([A-Za-z0-9_.%+-]*)([^A-Za-z0-9_.%+-]*)', 'g') with ordinality u (m, n));
end;
$$;
