-- The fast format of ordinary changes: a few of the server's functions handle a row's own text, cut at its commas, as a whole;
-- one value after another would cost an expression or more each.

-- ----------------------------------------------------------------------
-- Function: pgq._plain_row(2)
--
--      The text of a row without brackets and quotes around its values. Four characters replace those inside values that
--      would look like separators: \x01 for a comma, \x02 for a double quote, \x03 for an empty value, \x04 for a backslash.
--
-- Parameters:
--      i_row       - the row as text: (1,,"a, ""b""","")
--      i_count     - how many values it has
--
-- Returns:
--      the text: 1,,a\x01 \x02b\x02,\x03; null where these characters occur in the row, or where only reading it character
--      by character could tell which values are empty
--
-- Writes:
--      none
--
-- Called by:
--      pgq._plain_change
-- ----------------------------------------------------------------------
create or replace function pgq._plain_row(i_row text, i_count integer)
returns text
language plpgsql
immutable
strict
as $$
declare
    v_text  text := substr(i_row, 2, length(i_row) - 2);
    v_parts text[];
begin
    if v_text ~ E'[\x01-\x04]' then
        return null;
    elsif strpos(v_text, '"') = 0 then
        return v_text;
    end if;
    if strpos(v_text, E'\\') > 0 then
        v_text := replace(v_text, E'\\\\', E'\x04');
    end if;
    if strpos(v_text, '""') > 0 then
        -- Between two commas this is an empty value, or a quote between commas inside a value.
        if v_text ~ '(^|,)("")+(,|$)' then
            v_text := regexp_replace(v_text, '(^|,)""(?=,|$)', E'\\1\x03', 'g');
            if v_text ~ '(^|,)("")+(,|$)' or length(v_text) - length(replace(v_text, ',', '')) <> i_count - 1 then
                return null;
            end if;
        end if;
        -- A quote beside the quotes around its value may change places with them.
        v_text := replace(v_text, '""', E'\x02');
    end if;
    if length(v_text) - length(replace(v_text, ',', '')) >= i_count then
        v_parts := string_to_array(v_text, '"');
        for n in 1 .. cardinality(v_parts) / 2 loop
            v_parts[2 * n] := replace(v_parts[2 * n], ',', E'\x01');
        end loop;
        return array_to_string(v_parts, '');
    end if;
    return replace(v_text, '"', '');
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._plain_change(6)
--
--      A change, urlencoded or as a fragment of SQL, in the fast way. The table has no generated columns and none named
--      _pgq_ev_.
--
-- Parameters:
--      i_format    - url or sql
--      i_op        - INSERT, UPDATE or DELETE
--      i_shape     - the table, see pgq._table_shape
--      i_at        - the row of i_shape before those of the trigger's options; 5: it has none
--      i_new       - the new row as text; for DELETE the old one
--      i_old       - the old row as text; null but for UPDATE
--
-- Returns:
--      the change; \x05 where an update changed ignored columns alone; null where the general way has to format it, or
--      refuse it
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._plain_change(i_format text, i_op text, i_shape text[], i_at integer, i_new text, i_old text)
returns text
language plpgsql
as $$
declare
    v_count     constant integer := i_shape[7][1];
    v_new       constant text := pgq._plain_row(i_new, v_count);
    v_values    text[];
    v_before    text[];
    v_changes   text := '';
    v_condition text := '';
    v_hides     boolean := i_at > 5 and i_shape[i_at + 3][1] is not null;
    v_seen      boolean := false;
    v_at        integer;
    k           integer := 1;
begin
    -- A snapshot may be older than the columns of the table: then the row could have another number of values.
    if v_new is null or current_setting('transaction_isolation') <> 'read committed' then
        return null;
    end if;
    if i_op <> 'INSERT' and (i_format = 'sql' or i_op = 'UPDATE') then
        v_values := string_to_array(v_new, ',', '');
        v_before := case i_op when 'UPDATE' then string_to_array(pgq._plain_row(i_old, v_count), ',', '') else v_values end;
        if cardinality(v_values) <> v_count or cardinality(v_before) is distinct from v_count then
            return null;
        end if;
        while i_shape[i_at + 4][k] is not null loop
            v_at := i_shape[i_at + 4][k];
            if v_values[v_at] is distinct from v_before[v_at] or v_before[v_at] is null then
                return null;
            end if;
            v_condition := v_condition || ' and ' || i_shape[5][v_at] || '=' || quote_literal(replace(v_before[v_at], E'\x04', E'\\'));
            k := k + 1;
        end loop;
        if i_op = 'UPDATE' and v_hides and i_new <> i_old then
            k := 1;
            while not v_seen and k <= v_count loop
                v_seen := i_shape[i_at + 5][k] is null and v_values[k] is distinct from v_before[k];
                k := k + 1;
            end loop;
            if not v_seen then
                return E'\x05';
            end if;
        end if;
    end if;

    if i_format = 'url' then
        -- Encoded, each comma between values is %2c. A null is left as the equals sign alone.
        v_values := string_to_array('=' || replace(pgq._urlencode(v_new), '%2c', '%2c='), '%2c', '=');
        return case when cardinality(v_values) = v_count then replace(replace(replace(replace(
            format(i_shape[i_at + 2][9], variadic v_values), '%01', '%2c'), '%02', '%22'), '%03', ''), '%04', '%5c') end;
    elsif i_op = 'INSERT' and strpos(v_new, E'\x04') = 0 then
        -- A null is left as two quotes alone.
        v_values := string_to_array('''' || replace(replace(v_new, '''', ''''''), ',', ''',''') || '''', ',', '''''');
        v_changes := case when cardinality(v_values) = v_count
            then i_shape[i_at + 2][10] || case when v_hides then format(i_shape[i_at + 2][11], variadic array_replace(v_values, null, 'null'))
                                               else array_to_string(v_values, ',', 'null') || ')' end end;
    elsif i_op = 'INSERT' then
        v_values := string_to_array(v_new, ',', '');
        if cardinality(v_values) <> v_count then
            return null;
        end if;
        for n in 1 .. v_count loop
            continue when v_hides and i_shape[i_at + 5][n] is not null;
            v_changes := v_changes || ',' || coalesce(quote_literal(replace(v_values[n], E'\x04', E'\\')), 'null');
        end loop;
        v_changes := i_shape[i_at + 2][10] || substr(v_changes, 2) || ')';
    elsif v_condition = '' then
        return null;
    elsif i_op = 'DELETE' then
        v_changes := substr(v_condition, 6);
    else
        for n in 1 .. v_count loop
            if v_values[n] is distinct from v_before[n] and not (v_hides and i_shape[i_at + 5][n] is not null) then
                v_changes := v_changes || ',' || i_shape[5][n] || '=' || coalesce(quote_literal(replace(v_values[n], E'\x04', E'\\')), 'NULL');
            end if;
        end loop;
        v_changes := case when v_changes <> '' then substr(v_changes, 2) || ' where ' || substr(v_condition, 6) end;
    end if;
    return replace(replace(replace(v_changes, E'\x01', ','), E'\x02', '"'), E'\x03', '');
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._plain_url(3)
--
--      A row urlencoded, in the fast way, for the option backup. As pgq._plain_change does it, which does not call this:
--      a call would cost each row more than the two expressions.
--
-- Parameters:
--      i_count     - how many values the row has
--      i_format    - a format for them, see pgq._table_shape
--      i_row       - the row as text; pgq._plain_change could read it
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
create or replace function pgq._plain_url(i_count integer, i_format text, i_row text)
returns text
language plpgsql
immutable
strict
as $$
declare
    v_values    constant text[] := string_to_array('=' || replace(pgq._urlencode(pgq._plain_row(i_row, i_count)), '%2c', '%2c='), '%2c', '=');
begin
    return replace(replace(replace(replace(format(i_format, variadic v_values), '%01', '%2c'), '%02', '%22'), '%03', ''), '%04', '%5c');
end;
$$;
