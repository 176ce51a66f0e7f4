-- ----------------------------------------------------------------------
-- Function: tributary.dead_run_beat(3)
--
--      Says how far a retry of dead events is, so that others see that it goes on; the first time it begins. What others left
--      long ago is cleared away.
--
-- Parameters:
--      x_id        - of the retry
--      x_run       - object: host, who, what, queue, kind, error, events, per_second; see tributary.dead_run for those that may be null
--      x_done      - events that are done
--
-- Returns:
--      whether somebody wants it to stop
--
-- Writes:
--      tributary.dead_run
--
-- Called by:
--      src/central/logbook/dead-runs.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_run_beat(x_id uuid, x_run jsonb, x_done bigint)
returns boolean as $$
    with gone as (
        delete from tributary.dead_run r where r.seen_at < clock_timestamp() - interval '1 hour' and r.id <> x_id)
    insert into tributary.dead_run as r (id, host, who, what, central_queue, kind, error, events, per_second, done)
    values (x_id, x_run ->> 'host', x_run ->> 'who', x_run ->> 'what', x_run ->> 'queue', x_run ->> 'kind', x_run ->> 'error',
        (x_run ->> 'events')::bigint, (x_run ->> 'per_second')::double precision, x_done)
    on conflict (id) do update set done = excluded.done, seen_at = excluded.seen_at
    returning r.stop_wanted
$$ language sql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_run_end(1)
--
--      A retry of dead events has ended.
--
-- Parameters:
--      x_id        - of the retry
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.dead_run
--
-- Called by:
--      src/central/logbook/dead-runs.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_run_end(x_id uuid)
returns void as $$
    delete from tributary.dead_run r where r.id = x_id
$$ language sql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_runs(1)
--
--      Retries of dead events that are under way, the oldest first.
--
-- Parameters:
--      x_silent    - one that was not renewed for this long has ended with its process
--
-- Returns:
--      a row per retry
--
-- Writes:
--      none
--
-- Called by:
--      src/central/logbook/dead-runs.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_runs(x_silent interval)
returns setof tributary.dead_run as $$
    select r.* from tributary.dead_run r where r.seen_at > clock_timestamp() - x_silent order by r.began_at, r.id
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_run_stop(2)
--
--      Asks for the end of a retry of dead events; the process that does it ends it with its next beat.
--
-- Parameters:
--      x_id        - of the retry
--      x_silent    - as of tributary.dead_runs
--
-- Returns:
--      the retry; no row: it is not under way
--
-- Writes:
--      tributary.dead_run
--
-- Called by:
--      src/central/logbook/dead-runs.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_run_stop(x_id uuid, x_silent interval)
returns setof tributary.dead_run as $$
    update tributary.dead_run r set stop_wanted = true
    where r.id = x_id and r.seen_at > clock_timestamp() - x_silent
    returning r.*
$$ language sql set search_path = pg_catalog, pg_temp;
