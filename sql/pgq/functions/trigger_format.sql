-- How a change is written down: as JSON, urlencoded, or as a fragment of SQL.

-- ----------------------------------------------------------------------
-- Function: pgq._event_type(5)
--
--      The type of a change's event.
--
-- Parameters:
--      i_format            - json, url or sql
--      i_op                - INSERT, UPDATE, DELETE or TRUNCATE
--      i_schema, i_table   - the table
--      i_key               - columns of its key
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
create or replace function pgq._event_type(i_format text, i_op text, i_schema text, i_table text, i_key text[])
returns text
language plpgsql
as $$
begin
    if i_format = 'json' then
        return format('{"op":"%s","table":[%s,%s],"pkey":%s}', i_op, to_json(i_schema), to_json(i_table), to_json(i_key));
    elsif i_op = 'TRUNCATE' then
        return 'R';
    elsif i_format = 'url' then
        return left(i_op, 1) || ':' || array_to_string(i_key, ',');
    end if;
    return left(i_op, 1);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._truncate_data(1)
--
--      The data of a truncation's event.
--
-- Parameters:
--      i_format    - json, url or sql
--
-- Returns:
--      the data
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._truncate_data(i_format text)
returns text
language sql
as $$
    select case i_format when 'json' then '{}' else '' end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._event_data(8)
--
--      The data of a change's event.
--
-- Parameters:
--      i_format        - json, url or sql
--      i_op            - INSERT, UPDATE or DELETE
--      i_all           - all columns of the table
--      i_types         - their types
--      i_columns       - columns to write down
--      i_key           - columns of the key
--      i_new, i_old    - values of all columns
--
-- Returns:
--      the data
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._event_data(
    i_format text, i_op text, i_all text[], i_types oid[], i_columns text[], i_key text[], i_new text[], i_old text[])
returns text
language plpgsql
as $$
begin
    if i_format = 'json' then
        return (
            select '{' || coalesce(string_agg(to_json(c)::text || ':' || case
                        when v is null then 'null'
                        when t = 'boolean'::regtype then case v when 't' then 'true' else 'false' end
                        when t in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then v
                        else to_json(v)::text end, ',' order by n), '') || '}'
              from unnest(i_all, i_types, i_new) with ordinality u (c, t, v, n)
             where c = any (i_columns));
    elsif i_format = 'url' then
        return (
            select coalesce(string_agg(pgq._urlencode(c) || coalesce('=' || pgq._urlencode(v), ''), '&' order by n), '')
              from unnest(i_all, i_new) with ordinality u (c, v, n)
             where c = any (i_columns));
    elsif i_op = 'INSERT' then
        return (
            select format('(%s) values (%s)', string_agg(quote_ident(c), ',' order by n),
                          string_agg(coalesce(quote_literal(v), 'null'), ',' order by n))
              from unnest(i_all, i_new) with ordinality u (c, v, n)
             where c = any (i_columns));
    end if;
    return case i_op when 'UPDATE' then pgq._sql_changes(i_all, i_columns, i_key, i_new, i_old) || ' where ' else '' end || (
        select string_agg(quote_ident(c) || '=' || quote_literal(v), ' and ' order by n)
          from unnest(i_all, i_old) with ordinality u (c, v, n)
         where c = any (i_key));
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._sql_changes(5)
--
--      The changed columns of an update as SQL; where none is, a key column set to itself, since SQL has no empty list.
--
-- Parameters:
--      i_all           - all columns of the table
--      i_columns       - columns to write down
--      i_key           - columns of the key
--      i_new, i_old    - values of all columns
--
-- Returns:
--      text for after `set`
--
-- Writes:
--      none
--
-- Called by:
--      pgq._event_data
-- ----------------------------------------------------------------------
create or replace function pgq._sql_changes(i_all text[], i_columns text[], i_key text[], i_new text[], i_old text[])
returns text
language plpgsql
as $$
begin
    return coalesce(
        (select string_agg(quote_ident(c) || '=' || coalesce(quote_literal(v), 'NULL'), ',' order by n)
           from unnest(i_all, i_new, i_old) with ordinality u (c, v, o, n)
          where c = any (i_columns) and v is distinct from o),
        (select quote_ident(c) || '=' || quote_literal(v)
           from unnest(i_all, i_new) with ordinality u (c, v, n)
          where c = any (i_key)
          order by n limit 1));
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._urlencode(1)
--
--      Encodes a text as in a query string: a space becomes +, all but letters, digits and _ . - becomes %xx.
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
--      pgq._event_data
-- ----------------------------------------------------------------------
create or replace function pgq._urlencode(i_text text)
returns text
language plpgsql
strict
immutable
as $$
begin
    if i_text ~ '^[A-Za-z0-9_.-]*$' then
        return i_text;
    end if;
    return (
        select string_agg(case
                   when c ~ '^[A-Za-z0-9_.-]$' then c
                   when c = ' ' then '+'
                   else regexp_replace(encode(convert_to(c, 'UTF8'), 'hex'), '(..)', '%\1', 'g') end, '' order by n)
          from regexp_split_to_table(i_text, '') with ordinality u (c, n));
end;
$$;
