-- The common part of the three change triggers: options, key, values. They differ only in the format.
--
-- The cost counts for every row, so an ordinary one costs only expressions, which PL/pgSQL keeps prepared: no dynamic
-- statement and no look at the catalogs. Options with expressions and generated columns do cost a statement.

-- ----------------------------------------------------------------------
-- Function: pgq._trigger_change(10)
--
--      Puts one change of a table, or its truncation, into a queue, as the options of the trigger say.
--
-- Parameters:
--      i_format    - json, url or sql
--      i_op        - INSERT, UPDATE, DELETE or TRUNCATE
--      i_when      - BEFORE or AFTER
--      i_level     - ROW or STATEMENT
--      i_table     - the table
--      i_schema    - its schema
--      i_name      - its name
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
    i_format text, i_op text, i_when text, i_level text, i_table oid, i_schema text, i_name text, i_args text[],
    i_new anyelement, i_old anyelement)
returns boolean
language plpgsql
as $$
declare
    v_options   jsonb;          -- read for this row; null: none, or v_at says where they are in the shape
    v_at        integer := 5;   -- the row of the shape before those of the options; 5: no options; null: v_options has them
    v_from      integer;
    v_text      text;
    v_skip      boolean := false;
    -- Becomes a constant, see pgq._table_shape.
    v_shape     constant text[] := case
        when i_table = pgq._row_table(case when true then null else i_new end)
        then pgq._row_shape(case when true then null else i_new end)
        else pgq._table_shape(i_table) end;
    v_names     text[];         -- all columns
    v_key       text[];
    v_ignored   text[];
    v_hidden    boolean[];      -- columns that do not go into the event; null: none
    v_new       text[];
    v_old       text[];
    v_changed   boolean := false;
    v_seen      boolean := false; -- has a column changed that goes into the event?
    v_type      text;
    v_data      text;
    v_backup    text;
    v_fields    text[];         -- type, data, extra1..4
    v_id        bigint;         -- of the event: an assignment costs less than `perform`
begin
    if cardinality(i_args) is distinct from 1 then
        -- Found out with the table's shape as a rule. The general way reads the options itself.
        v_at := 9;
        v_text := i_args[1:]::text;
        while v_shape[v_at + 6][1] <> v_text loop
            v_at := v_at + 6;
        end loop;
        if i_op = 'TRUNCATE' or v_shape[v_at + 6][1] is null then
            v_at := null;
            v_options := pgq._trigger_options(i_args);
            v_skip := v_options ? 'SKIP';
        else
            v_skip := v_shape[v_at + 6][2] is not null;
        end if;
        if v_skip and i_when <> 'BEFORE' then
            raise exception 'SKIP does not work in AFTER trigger.';
        end if;
    end if;
    if current_setting('session_replication_role') = 'local' then
        return v_skip;
    end if;
    if i_op = 'TRUNCATE' then
        perform pgq._check_truncate_options(v_options);
    elsif i_level <> 'ROW' then
        raise exception 'pgq Ins/Upd/Del trigger must be fired FOR EACH ROW';
    end if;
    if v_options ? 'deny' then
        raise exception 'Table ''%.%'' to queue ''%'': change not allowed (%)', i_schema, i_name, i_args[0], i_op;
    end if;

    if v_options ? 'pkey' then
        v_key := string_to_array(v_options ->> 'pkey', ',');
        v_type := pgq._event_type(i_format, i_op, i_schema, i_name, to_json(v_key)::text, v_options ->> 'pkey');
    else
        v_from := coalesce(v_at, 5);
        v_type := pgq._event_type(i_format, i_op, i_schema, i_name, v_shape[v_from + 2][2], v_shape[v_from + 2][3]);
        if i_op in ('UPDATE', 'DELETE') and v_shape[v_from + 1][1] is null then
            raise exception 'Update/Delete on table without pkey';
        end if;
    end if;
    if i_op = 'TRUNCATE' then
        v_id := pgq.insert_event(i_args[0], v_type, case i_format when 'json' then '{}' else '' end,
                                 i_schema || '.' || i_name, null, null, null);
        return v_skip;
    end if;

    if v_at is not null then
        if i_format <> 'json' then
            if v_shape[7][9] is not null then
                v_data := pgq._plain_change(i_format, i_op, v_shape, v_at, i_new::text, case i_op when 'UPDATE' then i_old::text end);
            end if;
        elsif v_shape[7][4] is null and v_shape[7][5] is null and v_shape[7][6] is null and v_shape[7][8] is null then
            -- The server's own JSON, with quotes added around numbers.
            v_data := pgq._whole_row_json(v_shape, v_at, row_to_json(i_new), case i_op when 'UPDATE' then row_to_json(i_old) end);
        end if;
        if v_data is not null and v_at > 5 then
            if v_data = E'\x05' or v_shape[v_at + 6][4] is not null and not pgq._trigger_condition(v_shape[v_at + 6][4], i_new) then
                return v_skip;
            end if;
            if i_op = 'UPDATE' and v_shape[v_at + 6][3] is not null then
                v_backup := case i_format
                    when 'json' then pgq._whole_row_json(v_shape, v_at, row_to_json(i_old), null)
                    else pgq._plain_url(v_shape[7][1]::integer, v_shape[v_at + 2][9], i_old::text) end;
            end if;
            if v_shape[v_at + 6][5] is not null then
                v_fields := array[v_type, v_data, i_schema || '.' || i_name, v_backup, null, null];
                for n in 1 .. 6 loop
                    v_text := v_shape[v_at + 6][5 + n];
                    continue when v_text is null;
                    v_fields[n] := case left(v_text, 1)
                        when '=' then substr(v_text, 2)
                        when ':' then row_to_json(i_new) ->> substr(v_text, 2)
                        else pgq._trigger_expression(v_text, i_new) end;
                end loop;
                v_id := pgq.insert_event(i_args[0], v_fields[1], v_fields[2], v_fields[3], v_fields[4], v_fields[5], v_fields[6]);
                return v_skip;
            end if;
        end if;
        if v_data is not null then
            v_id := pgq.insert_event(i_args[0], v_type, v_data, i_schema || '.' || i_name, v_backup, null, null);
            return v_skip;
        end if;
        if v_at > 5 then
            v_options := pgq._trigger_options(i_args);
            if v_options ? 'pkey' then
                v_key := string_to_array(v_options ->> 'pkey', ',');
            end if;
        end if;
    end if;

    if v_shape[7][6] is not null or v_options ? 'ignore' then
        v_ignored := coalesce(string_to_array(v_options ->> 'ignore', ','), '{}');
        for n in 1 .. v_shape[7][1] loop
            v_hidden[n] := left(v_shape[1][n], 8) = '_pgq_ev_' or v_shape[1][n] = any (v_ignored);
        end loop;
    end if;
    v_new := pgq._row_values(i_new::text);
    if cardinality(v_new) <> v_shape[7][1]::integer then
        raise exception 'table %.% was changed after this transaction took its snapshot', i_schema, i_name
            using errcode = 'serialization_failure', hint = 'Repeat the transaction.';
    end if;
    if v_shape[7][4] is not null or v_shape[7][5] is not null then
        v_names := array(select unnest(v_shape[1:1]));
        v_new := pgq._generated_values(i_table, v_names, v_new, i_new, i_when = 'BEFORE' and i_op <> 'DELETE');
    end if;
    v_old := v_new;
    if i_op <> 'INSERT' and v_key is null then
        v_key := v_shape[6:6];
    end if;
    if i_op = 'UPDATE' then
        v_old := pgq._row_values(i_old::text);
        if v_shape[7][4] is not null then
            v_old := pgq._generated_values(i_table, v_names, v_old, i_old, false);
        end if;
        for n in 1 .. cardinality(v_new) loop
            if v_new[n] is distinct from v_old[n] then
                if v_shape[1][n] = any (v_key) and left(v_shape[1][n], 8) <> '_pgq_ev_' then
                    raise exception 'primary key update not allowed';
                end if;
                v_changed := true;
                v_seen := v_seen or v_hidden is null or not v_hidden[n];
            end if;
        end loop;
        -- An update of ignored columns alone is no change; one of nothing at all is. Columns _pgq_ev_ count as ignored
        -- where any are, and where a fragment of SQL would leave no trace of them.
        if v_changed and not v_seen and (i_format = 'sql' or v_options ? 'ignore') then
            return v_skip;
        end if;
    end if;
    if v_options ? 'when' then
        if not pgq._trigger_condition(v_options ->> 'when', i_new) then
            return v_skip;
        end if;
    end if;

    v_data := case i_format when 'json' then pgq._row_json(v_shape, v_hidden, v_new, i_new)
                            when 'url' then pgq._row_url(v_shape, v_hidden, v_new)
                            else pgq._row_sql(i_op, v_shape, v_hidden, v_key, v_new, v_old) end;
    if v_options is null and v_shape[7][6] is null then
        v_id := pgq.insert_event(i_args[0], v_type, v_data, i_schema || '.' || i_name, null, null, null);
        return false;
    end if;
    v_fields := array[v_type, v_data, i_schema || '.' || i_name, null, null, null];
    if i_op = 'UPDATE' and v_options ? 'backup' then
        v_fields[4] := case i_format when 'json' then pgq._row_json(v_shape, v_hidden, v_old, i_old)
                                     else pgq._row_url(v_shape, v_hidden, v_old) end;
    end if;
    v_fields := pgq._override_fields(v_fields, coalesce(v_options, '{}'), array(select unnest(v_shape[1:1])), v_new, i_new);
    v_id := pgq.insert_event(i_args[0], v_fields[1], v_fields[2], v_fields[3], v_fields[4], v_fields[5], v_fields[6]);
    return v_skip;
end;
$$;
