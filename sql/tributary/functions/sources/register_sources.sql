-- ----------------------------------------------------------------------
-- Function: tributary.register_sources(2)
--
--      Stores sources before anything is registered on their shard. A source that is there already keeps its state and its
--      position; one that was let go (retired) begins anew, without its old positions.
--
-- Parameters:
--      x_shard     - name of the shard
--      x_sources   - json array of {queue, central_queue, routes}; routes: all central queues where there are several, else null
--
-- Returns:
--      the sources, each with its id and state
--
-- Writes:
--      tributary.source, tributary.position_0, tributary.position_1
--
-- Called by:
--      src/install/register.ts
-- ----------------------------------------------------------------------
create or replace function tributary.register_sources(x_shard text, x_sources jsonb)
returns table (id integer, queue text, state text) as $$
#variable_conflict use_column
begin
    -- Two installs at once, and an install that meets a rotation of the positions, take turns.
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    delete from tributary.position p
    using tributary.source s, jsonb_to_recordset(x_sources) as r (queue text)
    where s.shard = x_shard and s.queue = r.queue and s.state = 'retired' and p.source = s.id;
    delete from tributary.source s
    using jsonb_to_recordset(x_sources) as r (queue text)
    where s.shard = x_shard and s.queue = r.queue and s.state = 'retired';

    insert into tributary.source as s (shard, queue, central_queue, routes)
    select x_shard, r.queue, r.central_queue, r.routes
    from jsonb_to_recordset(x_sources) as r (queue text, central_queue text, routes text[])
    order by r.queue
    on conflict (shard, queue) do update set central_queue = excluded.central_queue, routes = excluded.routes
    where s.central_queue <> excluded.central_queue or s.routes is distinct from excluded.routes;

    return query
    select s.id, s.queue, s.state
    from tributary.source s
    join jsonb_to_recordset(x_sources) as r (queue text) on r.queue = s.queue
    where s.shard = x_shard
    order by s.queue;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
