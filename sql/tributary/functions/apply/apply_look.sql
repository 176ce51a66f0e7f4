-- ----------------------------------------------------------------------
-- Function: tributary.apply_look(5)
--
--      What the worker of a queue that is applied to tables has to know first, in the transaction that applies: the tables as they
--      are now, and whether older changes of the queue may still come late. Where they may not, what was noted of newer ones goes.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the consumer that applies
--      x_tables    - quoted names of the tables
--      x_failed_at - time of the transaction in which events have failed that may not be written yet; null: none
--      x_shards    - shards of the changes at hand; a command that copies or repairs their rows waits for this transaction from here on
--
-- Returns:
--      object: at, the time of this transaction; late; tables, one object each: columns, keys; null for one that is not there
--
-- Writes:
--      tributary.apply_newer
--
-- Called by:
--      src/apply/look.ts
-- ----------------------------------------------------------------------
create or replace function tributary.apply_look(x_queue text, x_group text, x_tables text[], x_failed_at text, x_shards text[])
returns json as $$
declare
    v_at        text := extract(epoch from now())::text;
    v_late      boolean := x_failed_at is not distinct from extract(epoch from now())::text
        or exists (select from tributary.attempt a where a.central_queue = x_queue and a.group_name = x_group)
        or exists (select from tributary.dead_event d where d.central_queue = x_queue and d.redriven_at is null)
        -- Handed out again, and perhaps not tried yet.
        or exists (select from tributary.dead_event d
                   where d.central_queue = x_queue and coalesce(d.redriven_at, d.died_at) > now() - interval '1 hour');
begin
    perform from tributary.apply_copy c
    where c.central_queue = x_queue and c.shard = any (x_shards) and c.state in ('copying', 'repairing')
    order by c.applied, c.shard, c.source for share;
    if not v_late and exists (select from tributary.apply_newer n where n.central_queue = x_queue) then
        delete from tributary.apply_newer n where n.central_queue = x_queue;
    end if;
    return json_build_object('at', v_at, 'late', v_late, 'tables', (
        select json_agg(tributary.apply_table(t.name) order by t.n)
        from unnest(x_tables) with ordinality t (name, n)));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.apply_table(1)
--
--      Columns and unique keys of a table.
--
-- Parameters:
--      x_table     - its quoted name
--
-- Returns:
--      object: columns, each with its name, its type without a length, isGenerated, isIdentity (always generated), isPlain (equal
--      values have equal texts in all sessions); keys, an array of names for each; null where there is no such table
--
-- Writes:
--      none
--
-- Called by:
--      tributary.apply_look
-- ----------------------------------------------------------------------
create or replace function tributary.apply_table(x_table text)
returns json as $$
    select json_build_object(
        'columns', (
            select json_agg(json_build_object(
                'name', a.attname, 'type', format_type(a.atttypid, -1), 'isGenerated', a.attgenerated <> '',
                'isIdentity', a.attidentity = 'a',
                'isPlain', a.atttypid = any ('{int2,int4,int8,text,varchar,bpchar,uuid,name,oid}'::regtype[])
                           or y.typtype = 'e') order by a.attnum)
            from pg_attribute a join pg_type y on y.oid = a.atttypid
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
        'keys', (
            select coalesce(json_agg(k.names), '[]')
            from pg_index i
            cross join lateral (
                select json_agg(a.attname order by n) as names, count(*) as columns
                from unnest(i.indkey::int2[]) with ordinality u (attnum, n)
                join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
                where n <= i.indnkeyatts) k
            where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null
              and k.columns = i.indnkeyatts))
    from pg_class c
    where c.oid = to_regclass(x_table) and c.relkind in ('r', 'p')
$$ language sql stable set search_path = pg_catalog, pg_temp;
