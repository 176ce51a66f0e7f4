-- ----------------------------------------------------------------------
-- Function: tributary.dead_list(6)
--
--      Dead events, the newest first. An argument that is null filters nothing.
--
-- Parameters:
--      x_queue     - central queue
--      x_shard     - shard that it came from
--      x_type      - its type
--      x_error     - a part of its error
--      x_older     - it died longer ago than this
--      x_limit     - at most so many rows
--
-- Returns:
--      a row per event; total is how many match in all
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_list(
    x_queue text, x_shard text, x_type text, x_error text, x_older interval, x_limit integer)
returns table (id bigint, queue text, origin text, kind text, type text, attempts integer, first text, died text,
    sqlstate text, error text, total bigint) as $$
    select d.id, d.central_queue, d.origin, d.kind, d.ev_type, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, count(*) over ()
    from tributary.dead_event d
    where (x_queue is null or d.central_queue = x_queue)
      and (x_shard is null or coalesce(d.shard, split_part(d.origin, ':', 1)) = x_shard)
      and (x_type is null or d.ev_type = x_type)
      and (x_error is null or strpos(d.error, x_error) > 0)
      and (x_older is null or d.died_at < now() - x_older)
    order by d.id desc
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_show(1)
--
--      One dead event with everything that is known of it.
--
-- Parameters:
--      x_id        - its id
--
-- Returns:
--      a row, or none
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_show(x_id bigint)
returns table (id bigint, queue text, origin text, shard text, source_queue text, kind text, attempts integer, first text,
    died text, sqlstate text, error text, stack text, ev_id bigint, "time" text, type text, data text, extra1 text, extra2 text,
    extra3 text, extra4 text, raw text, raw_length bigint) as $$
    select d.id, d.central_queue, d.origin, d.shard, d.source_queue, d.kind, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, d.stack, d.ev_id,
        to_char(d.ev_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2,
        d.ev_extra3, d.ev_extra4, encode(d.raw, 'base64'), d.raw_length
    from tributary.dead_event d where d.id = x_id
$$ language sql stable set search_path = pg_catalog, pg_temp;
