-- ----------------------------------------------------------------------
-- Function: tributary.dead_sums(3)
--
--      Counts of dead events, the largest first.
--
-- Parameters:
--      x_filter    - as of tributary.dead_matching
--      x_by        - group by error, queue or type. Errors that differ in numbers only are one
--      x_limit     - most rows
--
-- Returns:
--      a row per count; queues are those of its events, and total is how many rows there are without the limit
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_sums(x_filter jsonb, x_by text, x_limit integer)
returns table (what text, queues text[], events bigint, first text, last text, total bigint) as $$
    select s.what, array_agg(distinct s.name order by s.name), count(*),
        to_char(min(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(max(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), count(*) over ()
    from (
        select d.central_queue || coalesce('/' || d.group_name, '') as name, d.died_at,
            case x_by when 'queue' then d.central_queue || coalesce('/' || d.group_name, '') when 'type' then d.ev_type
                else regexp_replace(d.error, '[0-9]+', 'N', 'g') end as what
        from tributary.dead_event d
        where d.id in (select tributary.dead_matching(x_filter))) s
    group by s.what
    order by count(*) desc, s.what
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_error(1)
--
--      An error by which dead events are alike: its beginning, with N in place of each number.
--
-- Parameters:
--      x_error     - error of a dead event
--
-- Returns:
--      the text
--
-- Writes:
--      none
--
-- Called by:
--      tributary.dead_alike, tributary.dead_matching
-- ----------------------------------------------------------------------
create or replace function tributary.dead_error(x_error text)
returns text as $$
    select left(regexp_replace(left(x_error, 1000), '[0-9]+', 'N', 'g'), 500)
$$ language sql immutable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_alike(2)
--
--      Dead events by what they died in (as tributary.group_of takes it), kind and error, the largest groups first.
--
-- Parameters:
--      x_among     - looks at the newest that many only
--      x_limit     - most rows
--
-- Returns:
--      a row per group; sample is the id of its newest event
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_alike(x_among integer, x_limit integer)
returns table (queue text, kind text, error text, events bigint, first text, last text, sample bigint) as $$
    select s.name, s.kind, tributary.dead_error(s.error), count(*),
        to_char(min(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(max(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), max(s.id)
    from (
        select d.id, d.central_queue || coalesce('/' || d.group_name, '') as name, d.kind, d.error, d.died_at
        from tributary.dead_event d
        where d.redriven_at is null
        order by d.id desc limit x_among) s
    group by 1, 2, 3
    order by 4 desc, 1, 2, 3
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
