-- ----------------------------------------------------------------------
-- Function: tributary.apply_look(7)
--
--      What the worker of a queue that is applied to tables has to know first, in the transaction that applies: the tables as they
--      are now, and whether older changes of the queue may still come late. Where they may not, what was noted of newer ones of these
--      shards goes, once an event is at hand that came in behind the last of the late ones.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the consumer that applies
--      x_tables    - quoted names of the tables
--      x_failed_at - time of the transaction in which events have failed that may not be written yet; null: none
--      x_shards    - shards of the changes at hand; a command that copies or repairs their rows waits for this transaction from here on
--      x_applied   - names of the tables as they are noted
--      x_newest    - the newest event at hand; null where one of them comes late
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
create or replace function tributary.apply_look(
    x_queue text, x_group text, x_tables text[], x_failed_at text, x_shards text[], x_applied text[] default '{}',
    x_newest bigint default null)
returns json as $$
declare
    v_at        text := extract(epoch from now())::text;
    v_late      boolean := x_failed_at is not distinct from v_at or tributary.apply_is_late(x_queue);
begin
    perform from tributary.apply_copy c
    where c.central_queue = x_queue and c.shard = any (x_shards) and c.state in ('copying', 'repairing')
    order by c.applied, c.shard, c.source for share;
    if exists (select from tributary.apply_newer n where n.central_queue = x_queue) then
        perform tributary.apply_settle(x_queue, x_shards, x_applied, v_late, x_newest);
    end if;
    return json_build_object('at', v_at, 'late', v_late, 'tables', (
        select json_agg(tributary.apply_table(t.name) order by t.n)
        from unnest(x_tables) with ordinality t (name, n)));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.apply_is_late(1)
--
--      Whether changes of a queue may come behind later ones: events that failed and are tried again, that are dead, or that wait in
--      PgQ's retry queue.
--
-- Parameters:
--      x_queue     - central queue, which has one group
--
-- Returns:
--      whether
--
-- Writes:
--      none
--
-- Called by:
--      tributary.apply_look
--      src/apply/copy/staged-rows.ts
-- ----------------------------------------------------------------------
create or replace function tributary.apply_is_late(x_queue text)
returns boolean as $$
    select exists (select from tributary.attempt a where a.central_queue = x_queue)
        or exists (select from tributary.dead_event d where d.central_queue = x_queue and d.redriven_at is null)
        or exists (
            select from pgq.queue q
            join pgq.subscription s on s.sub_queue = q.queue_id
            join pgq.retry_queue r on r.ev_owner = s.sub_id and r.ev_queue = q.queue_id
            where q.queue_name = x_queue)
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.apply_settle(5)
--
--      Forgets what was noted of newer changes, when no older one can come any more. The last of those may be in the queue yet when
--      nothing waits: so the newest tick is noted first, and all goes when an event is at hand that came in behind the tick after that one.
--      Events with lower ids are handled before it, those that come late among them.
--
-- Parameters:
--      x_queue     - central queue
--      x_shards    - shards whose changes only the caller applies
--      x_applied   - names of the tables as they are noted
--      x_late      - older changes may still come
--      x_newest    - the newest event at hand; null where one of them comes late
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.apply_newer
--
-- Called by:
--      tributary.apply_look
-- ----------------------------------------------------------------------
create or replace function tributary.apply_settle(x_queue text, x_shards text[], x_applied text[], x_late boolean, x_newest bigint)
returns void as $$
declare
    v_over  text[];
begin
    if x_late then
        delete from tributary.apply_newer m
        where m.central_queue = x_queue and m.applied = '' and m.shard = any (x_shards);
        return;
    end if;
    select array_agg(m.shard) into v_over
    from tributary.apply_newer m
    where m.central_queue = x_queue and m.applied = '' and m.shard = any (x_shards)
        and exists (
            select from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
            where q.queue_name = x_queue and t.tick_id > m.event_id and t.tick_event_seq < x_newest);
    if v_over is not null then
        delete from tributary.apply_newer n
        where n.central_queue = x_queue and n.applied = any (array_append(x_applied, '')) and n.shard = any (v_over);
    end if;
    insert into tributary.apply_newer (central_queue, applied, shard, key, event_id)
    select x_queue, '', s.shard, 'settled', t.newest
    from unnest(x_shards) s (shard),
        (select max(t.tick_id) as newest from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
         where q.queue_name = x_queue) t
    where t.newest is not null and exists (
        select from tributary.apply_newer n
        where n.central_queue = x_queue and n.applied = any (x_applied) and n.shard = s.shard)
    on conflict do nothing;
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
