-- ----------------------------------------------------------------------
-- Function: tributary.store_shards(1)
--
--      Stores what a mover saw of some of its shards, and forgets what nobody has said anew for a day. What is lost with central
--      is seen again, so no commit waits for a disk.
--
-- Parameters:
--      x_shards    - json array of {shard, age_s, server, database, queues, held, captured}; age_s is how long ago the mover looked: times
--                    are by the server's clock, not the mover's
--
-- Returns:
--      number of shards stored
--
-- Writes:
--      tributary.shard_report
--
-- Called by:
--      src/shards/reports.ts
-- ----------------------------------------------------------------------
create or replace function tributary.store_shards(x_shards jsonb)
returns integer as $$
declare
    v_stored    integer;
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from tributary.shard_report r where r.at < now() - interval '1 day';
    insert into tributary.shard_report as r (shard, at, server, database, queues, held, captured)
    select s.shard, now() - make_interval(secs => s.age_s), s.server, s.database, s.queues, s.held, s.captured
    from jsonb_to_recordset(x_shards) as s (shard text, age_s double precision, server text, database text, queues text[], held jsonb, captured text)
    order by s.shard
    on conflict (shard) do update set
        at = excluded.at, server = excluded.server, database = excluded.database, queues = excluded.queues, held = excluded.held,
        captured = excluded.captured;
    get diagnostics v_stored = row_count;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
