-- What the three change triggers share: options, key, values. They differ only in how they write these down.

-- ----------------------------------------------------------------------
-- Function: pgq._trigger_change(8)
--
--      Puts one change of a table, or its truncation, into a queue, as the options of the trigger say.
--
-- Parameters:
--      i_format    - json, url or sql
--      i_op        - INSERT, UPDATE, DELETE or TRUNCATE
--      i_when      - BEFORE or AFTER
--      i_level     - ROW or STATEMENT
--      i_table     - the table
--      i_args      - arguments of the trigger: name of the queue, then options
--      i_new       - new row; for DELETE the old one
--      i_old       - old row; for INSERT the new one
--
-- Returns:
--      shall the operation be suppressed (option SKIP)?
--
-- Writes:
--      see pgq.insert_event
--
-- Called by:
--      pgq.jsontriga, pgq.logutriga, pgq.sqltriga
-- ----------------------------------------------------------------------
create or replace function pgq._trigger_change(
    i_format text, i_op text, i_when text, i_level text, i_table oid, i_args text[], i_new anyelement, i_old anyelement)
returns boolean
language plpgsql
as $$
declare
    v_queue     constant text := i_args[0];
    v_options   constant jsonb := pgq._trigger_options(i_args);
    v_skip      constant boolean := v_options ? 'SKIP';
    v_schema    text;
    v_name      text;
    v_all       text[];         -- all columns
    v_columns   text[];         -- those that go into the event
    v_types     oid[];
    v_key       text[];
    v_new       text[];
    v_old       text[];
    v_changed   text[];
    v_ignored   constant text[] := string_to_array(coalesce(v_options ->> 'ignore', ''), ',');
    v_fields    text[];         -- type, data, extra1..4
begin
    if v_skip and i_when <> 'BEFORE' then
        raise exception 'SKIP does not work in AFTER trigger.';
    end if;
    if current_setting('session_replication_role') = 'local' then
        return v_skip;
    end if;

    select n.nspname, c.relname into v_schema, v_name
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.oid = i_table;
    if i_op = 'TRUNCATE' then
        perform pgq._check_truncate_options(v_options);
    elsif i_level <> 'ROW' then
        raise exception 'pgq Ins/Upd/Del trigger must be fired FOR EACH ROW';
    end if;
    if v_options ? 'deny' then
        raise exception 'Table ''%.%'' to queue ''%'': change not allowed (%)', v_schema, v_name, v_queue, i_op;
    end if;

    v_key := coalesce(string_to_array(v_options ->> 'pkey', ','), pgq._primary_key(i_table));
    if i_op = 'TRUNCATE' then
        v_fields := array[pgq._event_type(i_format, i_op, v_schema, v_name, v_key), pgq._truncate_data(i_format),
                          v_schema || '.' || v_name, null, null, null];
    else
        if i_op <> 'INSERT' and cardinality(v_key) = 0 then
            raise exception 'Update/Delete on table without pkey';
        end if;

        -- Read anew for each row: a transaction may change the table between two rows.
        select array_agg(a.attname::text order by a.attnum), array_agg(a.atttypid order by a.attnum)
          into v_all, v_types
          from pg_catalog.pg_attribute a
         where a.attrelid = i_table and a.attnum > 0 and not a.attisdropped;
        v_columns := array(select c from unnest(v_all) with ordinality u (c, n)
                            where c not like '\_pgq\_ev\_%' and not c = any (v_ignored)
                            order by n);
        v_new := pgq._row_texts(v_all, v_types, i_format = 'json', i_new);
        v_old := v_new;
        if i_op = 'UPDATE' then
            v_old := pgq._row_texts(v_all, v_types, i_format = 'json', i_old);
            v_changed := array(select c from unnest(v_all, v_new, v_old) u (c, n, o) where n is distinct from o);
            if v_changed && v_key then
                raise exception 'primary key update not allowed';
            end if;
            -- An update of ignored columns alone is no change; one of nothing at all is. A fragment of SQL leaves
            -- no trace of the columns _pgq_ev_ either.
            if cardinality(v_changed) > 0 and v_changed <@ (case i_format when 'sql' then array(
                    select c from unnest(v_all) c where not c = any (v_columns)) else v_ignored end) then
                return v_skip;
            end if;
        end if;
        if v_options ? 'when' and not pgq._trigger_condition(v_options ->> 'when', i_new) then
            return v_skip;
        end if;

        v_fields := array[
            pgq._event_type(i_format, i_op, v_schema, v_name, v_key),
            pgq._event_data(i_format, i_op, v_all, v_types, v_columns, v_key, v_new, v_old),
            v_schema || '.' || v_name,
            case when i_op = 'UPDATE' and v_options ? 'backup' then
                pgq._event_data(case i_format when 'json' then 'json' else 'url' end, 'INSERT',
                                v_all, v_types, v_columns, v_key, v_old, v_old) end,
            null, null];
        v_fields := pgq._override_fields(v_fields, v_options, v_all, v_new, i_new);
    end if;

    perform pgq.insert_event(v_queue, v_fields[1], v_fields[2], v_fields[3], v_fields[4], v_fields[5], v_fields[6]);
    return v_skip;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._row_texts(4)
--
--      The values of a row as their types print them.
--
-- Parameters:
--      i_columns   - names
--      i_types     - types
--      i_iso       - print times in ISO 8601, whatever the session's style
--      i_row       - the row
--
-- Returns:
--      the values, null for null
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._row_texts(i_columns text[], i_types oid[], i_iso boolean, i_row anyelement)
returns text[]
language plpgsql
as $$
declare
    v_list      text;
    v_texts     text[];
begin
    -- format() prints as the type's own output does; a cast to text would trim char(n) and spell out booleans.
    select string_agg(format(case when i_iso and t in ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype)
                                  then 'to_json(($1).%1$I) #>> ''{}'''
                                  else 'case when ($1).%1$I is not null then format(''%%s'', ($1).%1$I) end' end, c), ', ' order by n)
      into v_list
      from unnest(i_columns, i_types) with ordinality u (c, t, n);
    execute 'select array[' || v_list || ']::text[]' into v_texts using i_row;
    return v_texts;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._primary_key(1)
--
--      The columns of a table's primary key, in the order of its index.
--
-- Parameters:
--      i_table     - the table
--
-- Returns:
--      their names, none if there is no key
--
-- Writes:
--      none
--
-- Called by:
--      pgq._trigger_change
-- ----------------------------------------------------------------------
create or replace function pgq._primary_key(i_table oid)
returns text[]
language plpgsql
as $$
begin
    return array(
        select a.attname::text
          from pg_catalog.pg_index i
         cross join lateral unnest(i.indkey::int2[]) with ordinality k (attnum, n)
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
         where i.indrelid = i_table and i.indisprimary and k.n <= i.indnkeyatts
         order by k.n);
end;
$$;
