-- ----------------------------------------------------------------------
-- Function: tributary.apply_rename(5)
--
--      Prepares that rows of a shard in tables that its changes are applied to get its new name, behind rename_shard and in its
--      transaction: no change under the old name can come any more, whatever a mover has under way, and none waits.
--
-- Parameters:
--      x_old       - its name until now
--      x_new       - its name from now on
--      x_queues    - central queues that are applied to tables
--      x_origins   - of each the column that events carry their origin in: extra1 to extra4
--      x_group     - the consumer that applies
--
-- Returns:
--      a row for each queue in the way; none: what is noted of copies and newer changes has the new name, and the rows may get it
--      queue       - its name
--      what        - waiting: changes that are not applied yet; late: events that are tried again or dead, and come later
--
-- Writes:
--      tributary.apply_copy, tributary.apply_newer, tributary.position_0, tributary.position_1; raises TB010 where a mover was faster
--
-- Called by:
--      src/apply/rename-rows.ts
-- ----------------------------------------------------------------------
create or replace function tributary.apply_rename(x_old text, x_new text, x_queues text[], x_origins text[], x_group text)
returns table (queue text, what text) as $$
begin
    -- Whatever is under way with the old name follows the position before, and is refused.
    perform tributary.seal_positions(coalesce((
        select jsonb_agg(jsonb_build_object('source', s.id, 'n', p.n))
        from tributary.source s
        cross join lateral (select max(o.n) as n from tributary.position o where o.source = s.id) p
        where s.shard = x_new and p.n is not null and (s.central_queue = any (x_queues) or s.routes && x_queues)), '[]'));
    return query
        select w.name, l.what
        from unnest(x_queues, x_origins) with ordinality w (name, origin, n)
        cross join lateral (select tributary.apply_left(w.name, w.origin, x_group, x_old) as what) l
        where l.what is not null
        order by w.n;
    if found then
        return;
    end if;
    delete from tributary.apply_copy c where c.shard = x_new and c.central_queue = any (x_queues);
    update tributary.apply_copy c set shard = x_new where c.shard = x_old and c.central_queue = any (x_queues);
    delete from tributary.apply_newer c where c.shard = x_new and c.central_queue = any (x_queues);
    update tributary.apply_newer c set shard = x_new where c.shard = x_old and c.central_queue = any (x_queues);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.apply_left(4)
--
--      What of a shard's changes in a queue is not applied.
--
-- Parameters:
--      x_queue     - central queue
--      x_origin    - column that events carry their origin in: extra1 to extra4
--      x_group     - the consumer that applies
--      x_shard     - name of the shard in origins
--
-- Returns:
--      waiting: some wait; late: some failed, and come again; null: nothing
--
-- Writes:
--      none
--
-- Called by:
--      tributary.apply_rename
-- ----------------------------------------------------------------------
create or replace function tributary.apply_left(x_queue text, x_origin text, x_group text, x_shard text)
returns text as $$
declare
    v_table     text;
    v_at        txid_snapshot;
    v_found     boolean;
begin
    if exists (
            select from tributary.attempt a where a.central_queue = x_queue and split_part(a.origin, ':', 1) = x_shard)
        or exists (
            select from tributary.dead_event d
            where d.central_queue = x_queue and d.redriven_at is null and coalesce(d.shard, split_part(d.origin, ':', 1)) = x_shard) then
        return 'late';
    end if;
    -- The position of the group, or of the batch at hand that is furthest behind.
    select q.queue_data_pfx, t.tick_snapshot into v_table, v_at
    from pgq.queue q
    join pgq.tick t on t.tick_queue = q.queue_id and t.tick_id = (
        select min(s.sub_last_tick)
        from pgq.consumer c
        join pgq.subscription g on g.sub_queue = q.queue_id and g.sub_consumer = c.co_id
        join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_id = g.sub_id
            and (s.sub_consumer = g.sub_consumer or s.sub_batch is not null)
        where c.co_name = x_group)
    where q.queue_name = x_queue;
    if not found then
        return null;
    end if;
    execute format($sql$
        select exists (
            select from %s e
            where e.ev_txid >= txid_snapshot_xmin($1) and not txid_visible_in_snapshot(e.ev_txid, $1) and split_part(e.%I, ':', 1) = $2)
        or exists (
            select from pgq.retry_queue r join pgq.queue q on q.queue_id = r.ev_queue
            where q.queue_name = $3 and split_part(r.%2$I, ':', 1) = $2)
        $sql$, v_table, 'ev_' || x_origin)
    into v_found using v_at, x_shard, x_queue;
    return case when v_found then 'waiting' end;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp;

revoke all on function tributary.apply_left(text, text, text, text) from public;
