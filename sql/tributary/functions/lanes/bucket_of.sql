-- ----------------------------------------------------------------------
-- Function: tributary.bucket_of(2)
--
--      The bucket of a key, of 64, which its lane is chosen by: the same in all versions of PostgreSQL, and for any number of lanes.
--      In an index of event tables, so it must never give another answer.
--
-- Parameters:
--      x_key       - key of an event; null: it has none, and nothing to be behind, so its id decides
--      x_id        - id of the event
--
-- Returns:
--      0 to 63
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_filter
-- ----------------------------------------------------------------------
create or replace function tributary.bucket_of(x_key text, x_id bigint)
returns integer
language sql immutable parallel safe
as $$
    select case when x_key is null then (x_id & 63)::integer
        else pg_catalog.get_byte(pg_catalog.decode(pg_catalog.left(pg_catalog.md5(x_key), 2), 'hex'), 0) & 63 end
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_filter(2)
--
--      The condition on an event table's columns that finds the events of some buckets, as the index has it.
--
-- Parameters:
--      x_key       - SQL expression of the file
--      x_buckets   - an SQL expression that gives the buckets
--
-- Returns:
--      SQL; null where one of them is
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_look, tributary.lane_index, tributary.lane_batch_sql, tributary.lane_of, tributary.lag_central
-- ----------------------------------------------------------------------
create or replace function tributary.lane_filter(x_key text, x_buckets text)
returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$
    -- A newline, so that nothing in the expression reaches the bracket.
    select format(E'tributary.bucket_of((%s\n)::text, ev_id) = any (%s)', x_key, x_buckets)
$$;
