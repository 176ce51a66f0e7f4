-- ----------------------------------------------------------------------
-- Function: tributary.end_sources(3)
--
--      Ends sources for good, all of them or none. Each gets one more position at the tick that it has: what a mover still has
--      under way follows the one before, and is refused. What is kept of it for ever is where it ended.
--
-- Parameters:
--      x_sources       - json array of {source, n, seen}: the newest position that was looked at, and whether the shard was
--                        looked at; n is null where the source has none
--      x_by            - who, for people
--      x_successors    - shards that its producers write to from now on
--
-- Returns:
--      how many; raises TB010 where one was moved on meanwhile, or is not there any more
--
-- Writes:
--      tributary.source, tributary.retired_source, tributary.position_0, tributary.position_1, tributary.term
--
-- Called by:
--      src/central/succession/end-sources.ts
-- ----------------------------------------------------------------------
create or replace function tributary.end_sources(x_sources jsonb, x_by text, x_successors text[])
returns integer as $$
declare
    v_ended     integer;
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    perform tributary.seal_positions((
        select coalesce(jsonb_agg(r.one), '[]') from jsonb_array_elements(x_sources) r (one) where r.one ->> 'n' is not null));
    insert into tributary.retired_source (shard, queue, central_queue, database, tick_id, tick_time_us, tick_event_seq,
        tick_snapshot_md5, moved, seen, retired_by, successors)
    select s.shard, s.queue, s.central_queue, d.database, p.tick_id, p.tick_time_us, p.tick_event_seq,
        p.tick_snapshot_md5, coalesce(p.moved, 0), r.seen, x_by, x_successors
    from jsonb_to_recordset(x_sources) as r (source integer, n bigint, seen boolean)
    join tributary.source s on s.id = r.source and s.state <> 'retired'
    left join tributary.shard d on d.name = s.shard
    left join lateral (
        select * from tributary.position o where o.source = s.id order by o.n desc limit 1) p on true
    where (p.n is null) = (r.n is null)
    order by s.shard, s.queue;
    get diagnostics v_ended = row_count;
    if v_ended <> jsonb_array_length(x_sources) then
        raise exception using errcode = 'TB010', message = 'a source was moved on meanwhile, or another command was faster';
    end if;
    update tributary.source s
    set state = 'retired', halt_code = null, halt_reason = null, halted_at = null, paused_at = null, pause_reason = null,
        paused_by = null
    from jsonb_to_recordset(x_sources) as r (source integer)
    where s.id = r.source;
    delete from tributary.term t
    where t.holder is null and starts_with(t.resource, 'shard:')
      and not exists (select from tributary.source s where s.shard = substr(t.resource, 7) and s.state <> 'retired');
    return v_ended;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;

-- ----------------------------------------------------------------------
-- Function: tributary.seal_positions(1)
--
--      Gives sources one more position, at the tick that they have or at another one that means the same, so that whatever
--      follows the one before is refused.
--
-- Parameters:
--      x_positions     - json array of {source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5}: n is that of
--                        the newest position; the tick is null for the one that the source has
--
-- Returns:
--      nothing; raises TB010 where n is not the newest one
--
-- Writes:
--      tributary.position_0, tributary.position_1
--
-- Called by:
--      tributary.end_sources, tributary.move_shard, tributary.apply_rename
-- ----------------------------------------------------------------------
create or replace function tributary.seal_positions(x_positions jsonb)
returns void as $$
declare
    v_current   integer;
    v_sealed    integer;
begin
    select current into v_current from tributary.position_table;
    execute format($sql$
        insert into tributary.position_%s (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5,
            end_tick_id, end_tick_time_us, end_tick_event_seq, end_snapshot_md5, last_event_id, moved, unrouted)
        select r.source, r.n + 1, coalesce(r.tick_id, p.tick_id), coalesce(r.tick_time_us, p.tick_time_us),
            coalesce(r.tick_event_seq, p.tick_event_seq), coalesce(r.tick_snapshot_md5, p.tick_snapshot_md5),
            p.end_tick_id, p.end_tick_time_us, p.end_tick_event_seq, p.end_snapshot_md5, p.last_event_id, p.moved, p.unrouted
        from jsonb_to_recordset($1) as r (source integer, n bigint, tick_id bigint, tick_time_us bigint,
            tick_event_seq bigint, tick_snapshot_md5 text)
        cross join lateral (
            select * from tributary.position o where o.source = r.source order by o.n desc limit 1) p
        where p.n = r.n
        order by r.source
        -- Waits for a mover that moves the source at this moment; then that one was faster.
        on conflict (source, n) do nothing
        $sql$, v_current) using x_positions;
    get diagnostics v_sealed = row_count;
    if v_sealed <> jsonb_array_length(x_positions) then
        raise exception using errcode = 'TB010', message = 'a source was moved on meanwhile, or another command was faster';
    end if;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
