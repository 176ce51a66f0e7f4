-- Columns and key of the table of a change trigger.
--
-- Reading them from the catalogs for each row would cost more than everything else. So they become a constant in the plan of
-- the expression that uses them (see pgq._trigger_change): the functions on a row's type are declared immutable, and the
-- constant with the table's oid beside them makes the server plan anew whenever the table, its columns or its key change,
-- also by the same transaction.

-- ----------------------------------------------------------------------
-- Function: pgq._table_shape(1)
--
--      Columns and key of a table.
--
-- Parameters:
--      i_table     - the table
--
-- Returns:
--      rows of an array, as wide as the table has columns, and at least 11:
--      1 - names
--      2 - how JSON writes the value: i as it is, b as a boolean, d, t, z a date, timestamp, timestamptz, others as a
--          string; of these n and s are what to_json() writes as a number and as this string, x may be anything
--      3 - names as JSON keys
--      4 - names urlencoded
--      5 - names in SQL
--      6 - names of the key's columns in its order, then nulls
--      7 - number of columns; the key as JSON, and with commas; then not null where there are virtual columns, stored
--          generated ones, any named _pgq_ev_, times, any of which to_json() may write anything; then, where a row can be
--          plain (see pgq._plain_change), a format for it urlencoded, and what comes before its values in SQL
--      8 - patterns for the columns of which to_json() writes a number, then nulls
--      9 - places of the key's columns, in the order of the table, then nulls
--      then six rows for each set of options that triggers of the table have, see pgq._options_shape
--
-- Writes:
--      none
--
-- Called by:
--      pgq._row_shape, pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._table_shape(i_table oid)
returns text[]
language plpgsql
stable
as $$
declare
    v_key   constant text[] := array(
        select a.attname::text
          from pg_catalog.pg_index i
         cross join lateral unnest(i.indkey::int2[]) with ordinality k (attnum, n)
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
         where i.indrelid = i_table and i.indisprimary and k.n <= i.indnkeyatts
         order by k.n);
    v_shape text[];
    v_where text[];
    v_facts text[];
    v_bare  text[];
    v_width integer;
    v_args  text[];
begin
    select array[array_agg(c.name), array_agg(c.kind), array_agg(to_json(c.name) || ':'),
                 array_agg(pgq._urlencode(c.name)), array_agg(quote_ident(c.name))],
           array[count(*)::text, to_json(v_key)::text, array_to_string(v_key, ','), max(c.name) filter (where c.generated not in ('', 's')),
                 max(c.name) filter (where c.generated = 's'), max(c.name) filter (where left(c.name, 8) = '_pgq_ev_'),
                 max(c.name) filter (where c.kind in ('d', 't', 'z')), max(c.name) filter (where c.kind = 'x')],
           -- No such text can be within a string, where a quote has a backslash before it.
           array_agg('([{,]' || regexp_replace(to_json(c.name)::text, '([^A-Za-z0-9_"])', E'\\\\\\1', 'g') || ':)(-?[0-9][0-9.e+-]*)')
               filter (where c.kind = 'n')
      into v_shape, v_facts, v_bare
      from (select a.attname::text as name, a.attgenerated as generated,
                   case when a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 'i'
                        when a.atttypid = 'bool'::regtype then 'b'
                        when a.atttypid = 'date'::regtype then 'd'
                        when a.atttypid = 'timestamp'::regtype then 't'
                        when a.atttypid = 'timestamptz'::regtype then 'z'
                        when a.atttypid in ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype) then 'n'
                        when a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'uuid'::regtype, 'bytea'::regtype)
                             or y.typtype = 'e' then 's'
                        else 'x' end as kind
              from pg_catalog.pg_attribute a
              join pg_catalog.pg_type y on y.oid = a.atttypid
             where a.attrelid = i_table and a.attnum > 0 and not a.attisdropped
             order by a.attnum
            offset 0) c;
    v_where := array(select n from unnest(v_shape[1:1]) with ordinality c (name, n) where c.name = any (v_key) order by n);
    if v_facts[4] is null and v_facts[5] is null and v_facts[6] is null and array_to_string(v_shape[1:1], '') !~ E'[\x01-\x04]' then
        v_facts := v_facts
            || array_to_string(array(select replace(u, '%', '%%') || '%s' from unnest(v_shape[4:4]) with ordinality x (u, k) order by k), '&')
            || ('(' || array_to_string(v_shape[5:5], ',') || ') values (');
    end if;
    v_width := greatest(v_facts[1]::integer, 11);
    v_shape := array(
        select array_agg(r.line[n] order by n)
          from generate_series(1, 9) l
         cross join lateral (
            select case l when 6 then v_key when 7 then v_facts when 8 then v_bare when 9 then v_where
                   else array(select u from unnest(v_shape[l : l]) with ordinality u (u, k) order by k) end as line) r
         cross join generate_series(1, v_width) n
         group by l
         order by l);

    if v_shape[7][9] is not null then
        for v_args in
            select distinct pgq._trigger_arguments(t.tgargs)
              from pg_catalog.pg_trigger t
             where t.tgrelid = i_table and t.tgnargs > 1
               and t.tgfoid in ('pgq.jsontriga()'::regprocedure, 'pgq.logutriga()'::regprocedure, 'pgq.sqltriga()'::regprocedure)
             limit 8
        loop
            v_shape := v_shape || pgq._options_shape(v_shape[1:9], v_args);
        end loop;
    end if;
    return v_shape;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._row_shape(1)
--
--      Columns and key of the table that a row is of. Immutable only as long as the table does not change, see above.
--
-- Parameters:
--      i_row       - a row, or null of its type
--
-- Returns:
--      see pgq._table_shape
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_shape(i_row anyelement)
returns text[]
language plpgsql
immutable
as $$
begin
    return pgq._table_shape(pgq._row_table(i_row));
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._row_table(1)
--
--      The table that a row is of.
--
-- Parameters:
--      i_row       - a row, or null of its type
--
-- Returns:
--      oid of the table
--
-- Writes:
--      none
--
-- Called by:
--      pgq._row_shape, pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_table(i_row anyelement)
returns oid
language plpgsql
immutable
as $$
begin
    return (select t.typrelid from pg_catalog.pg_type t where t.oid = pg_typeof(i_row)::oid);
end;
$$;
