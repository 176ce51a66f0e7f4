-- ----------------------------------------------------------------------
-- Function: tributary.source_states(1)
--
--      The sources on some shards that are not simply active, because an operator or install has changed them. Called every
--      second, so it leaves out the many that are active.
--
-- Parameters:
--      x_shards    - names of shards
--
-- Returns:
--      a row per source that is halted, paused or registering, one with source null whose total counts all sources, and one per
--      shard that was moved to another server, with the databases that it has left
--
-- Writes:
--      none
--
-- Called by:
--      older programs that still run; this package has source_changes
-- ----------------------------------------------------------------------
create or replace function tributary.source_states(x_shards text[])
returns table (source integer, state text, halt_reason text, paused boolean, pause_reason text, total bigint,
    shard text, left_databases text[]) as $$
    select s.id, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason, null::bigint, null::text, null::text[]
    from tributary.source s
    where s.shard = any (x_shards) and (s.state in ('registering', 'halted') or s.paused_at is not null)
    union all
    select null, null, null, null, null, count(*), null, null
    from tributary.source s
    where s.shard = any (x_shards) and s.state <> 'retired'
    union all
    select null, null, null, null, null, null, d.name, d.left_databases
    from tributary.shard d
    where d.name = any (x_shards) and d.left_databases <> '{}'
$$ language sql stable set search_path = pg_catalog, pg_temp;
