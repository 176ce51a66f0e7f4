-- ----------------------------------------------------------------------
-- Function: tributary.source_changes(2)
--
--      What operators, or install, have changed of the sources on some shards. Called every second, so it leaves out the many
--      sources that are simply active, and the many shards whose sources are those that the caller knows.
--
-- Parameters:
--      x_shards    - names of shards
--      x_marks     - of each the mark of its sources as the caller knows them: the sum of the squares of their ids, modulo 1000003
--                    each; counts would be the same where one source goes and another comes
--
-- Returns:
--      a row per source that is halted, paused or registering; one with source null per shard that has other sources
--      (has_others), or was moved to another server, with the databases that it has left
--
-- Writes:
--      none
--
-- Called by:
--      src/central/source-states.ts
-- ----------------------------------------------------------------------
create or replace function tributary.source_changes(x_shards text[], x_marks bigint[])
returns table (source integer, state text, halt_reason text, paused boolean, pause_reason text,
    shard text, has_others boolean, left_databases text[]) as $$
    select s.id, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason, null::text, false, null::text[]
    from tributary.source s
    where s.shard = any (x_shards) and (s.state in ('registering', 'halted') or s.paused_at is not null)
    union all
    select null, null, null, null, null, k.shard, true, null
    from unnest(x_shards, x_marks) k (shard, mark)
    left join (
        select s.shard, sum(((s.id % 1000003)::bigint * (s.id % 1000003)) % 1000003) as mark
        from tributary.source s
        where s.shard = any (x_shards) and s.state <> 'retired'
        group by 1) n on n.shard = k.shard
    where coalesce(n.mark, 0) <> k.mark
    union all
    select null, null, null, null, null, d.name, false, d.left_databases
    from tributary.shard d
    where d.name = any (x_shards) and d.left_databases <> '{}'
$$ language sql stable set search_path = pg_catalog, pg_temp;
