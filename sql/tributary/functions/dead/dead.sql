-- ----------------------------------------------------------------------
-- Function: tributary.dead_matching(1)
--
--      Ids of the dead events that a filter matches. A key that is missing or null matches all.
--
-- Parameters:
--      x_filter    - object: ids (array), queue (`orders`: all that died in it or on the way into it; `orders/billing`: in that group),
--                    work (the same, but `orders` without those of its groups), shard, type, error (a part of it), alike (as dead_alike gives it), older_ms (died longer ago than this),
--                    kind, upto (ids up to this one), redriven (true: also those that were handed out again)
--
-- Returns:
--      ids, in no order
--
-- Writes:
--      none
--
-- Called by:
--      tributary.dead_list, tributary.dead_count, tributary.dead_page, tributary.dead_discard
-- ----------------------------------------------------------------------
create or replace function tributary.dead_matching(x_filter jsonb)
returns setof bigint as $$
    select d.id
    from tributary.dead_event d
    where (d.redriven_at is null or coalesce((x_filter->>'redriven')::boolean, false))
      and (x_filter->>'ids' is null or d.id = any (array(select jsonb_array_elements_text(x_filter->'ids')::bigint)))
      and (x_filter->>'queue' is null or d.central_queue = x_filter->>'queue'
           or d.central_queue || '/' || d.group_name = x_filter->>'queue')
      and (x_filter->>'work' is null or d.central_queue || coalesce('/' || d.group_name, '') = x_filter->>'work')
      and (x_filter->>'shard' is null or coalesce(d.shard, split_part(d.origin, ':', 1)) = x_filter->>'shard')
      and (x_filter->>'type' is null or d.ev_type = x_filter->>'type')
      -- The empty text is part of every error; it matches none here.
      and (x_filter->>'error' is null or x_filter->>'error' <> '' and strpos(d.error, x_filter->>'error') > 0)
      and (x_filter->>'alike' is null or tributary.dead_error(d.error) = x_filter->>'alike')
      and (x_filter->>'older_ms' is null or d.died_at < now() - (x_filter->>'older_ms')::float8 * interval '1 millisecond')
      and (x_filter->>'kind' is null or d.kind = x_filter->>'kind')
      and (x_filter->>'upto' is null or d.id <= (x_filter->>'upto')::bigint)
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_list(2)
--
--      Dead events, the newest first.
--
-- Parameters:
--      x_filter    - as of tributary.dead_matching
--      x_limit     - most rows
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
create or replace function tributary.dead_list(x_filter jsonb, x_limit integer)
returns table (id bigint, queue text, "group" text, origin text, kind text, type text, attempts integer, first text, died text,
    redriven text, sqlstate text, error text, total bigint) as $$
    select d.id, d.central_queue, d.group_name, d.origin, d.kind, d.ev_type, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.redriven_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, count(*) over ()
    from tributary.dead_event d
    where d.id in (select tributary.dead_matching(x_filter))
    order by d.id desc
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_count(2)
--
--      How many dead events a filter matches, and whether they could be handed out again.
--
-- Parameters:
--      x_filter    - as of tributary.dead_matching
--      x_group     - the installation's group without a name
--
-- Returns:
--      a row per group of a queue, by its name as in tributary.group_of, and kind: how many, the greatest id, and whether the
--      queue and the group on it exist
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_count(x_filter jsonb, x_group text)
returns table (queue text, kind text, events bigint, newest bigint, has_queue boolean, has_group boolean) as $$
    select d.central_queue || coalesce('/' || d.group_name, ''), d.kind, count(*), max(d.id),
        exists (select from pgq.queue q where q.queue_name = d.central_queue),
        exists (select from pgq.queue q
                join pgq.subscription s on s.sub_queue = q.queue_id
                join pgq.consumer c on c.co_id = s.sub_consumer
                where q.queue_name = d.central_queue and c.co_name = x_group || coalesce('/' || d.group_name, ''))
    from tributary.dead_event d
    where d.id in (select tributary.dead_matching(x_filter))
    group by d.central_queue, d.group_name, d.kind
    order by 1, 2
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_page(3)
--
--      The next dead events that a filter matches, the oldest first.
--
-- Parameters:
--      x_filter    - as of tributary.dead_matching
--      x_after     - only greater ids
--      x_limit     - most rows
--
-- Returns:
--      a row per event; is_whole: all bytes of an event of kind poison are there
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_page(x_filter jsonb, x_after bigint, x_limit integer)
returns table (id bigint, queue text, kind text, is_whole boolean) as $$
    select d.id, d.central_queue, d.kind, coalesce(length(d.raw) = d.raw_length, false)
    from tributary.dead_event d
    where d.id > x_after and d.id in (select tributary.dead_matching(x_filter))
    order by d.id
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
returns table (id bigint, queue text, "group" text, origin text, shard text, source_queue text, kind text, attempts integer, first text,
    died text, sqlstate text, error text, stack text, ev_id bigint, "time" text, type text, data text, extra1 text, extra2 text,
    extra3 text, extra4 text, raw text, raw_length bigint, redriven text) as $$
    select d.id, d.central_queue, d.group_name, d.origin, d.shard, d.source_queue, d.kind, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, d.stack, d.ev_id,
        to_char(d.ev_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2,
        d.ev_extra3, d.ev_extra4, encode(d.raw, 'base64'), d.raw_length,
        to_char(d.redriven_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    from tributary.dead_event d where d.id = x_id
$$ language sql stable set search_path = pg_catalog, pg_temp;
