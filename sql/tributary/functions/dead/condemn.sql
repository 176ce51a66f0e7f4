-- ----------------------------------------------------------------------
-- Function: tributary.condemn(2)
--
--      Keeps events that central refuses, in the transaction that moves their source's position over them.
--
-- Parameters:
--      x_source    - id of the source
--      x_events    - json array of {origin, raw, raw_length, error, sqlstate, attempts, queue}; raw is the row as central's COPY would
--                    have got it, base64, possibly cut; raw_length its whole length in bytes; queue
--                    is the central queue that it was for, where the source has several
--
-- Returns:
--      how many
--
-- Writes:
--      tributary.dead_event
--
-- Called by:
--      src/central/commit/commit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.condemn(x_source integer, x_events jsonb)
returns integer as $$
    with dead as (
        insert into tributary.dead_event (kind, central_queue, shard, source_queue, origin, raw, raw_length, error, sqlstate, attempts)
        select 'poison', coalesce(e.queue, s.central_queue), s.shard, s.queue, e.origin, decode(e.raw, 'base64'), e.raw_length, e.error, e.sqlstate,
            e.attempts
        from tributary.source s
        cross join jsonb_to_recordset(x_events) as e (origin text, raw text, raw_length bigint, error text, sqlstate text, attempts integer,
            queue text)
        where s.id = x_source
        returning 1)
    select count(*)::integer from dead
$$ language sql set search_path = pg_catalog, pg_temp;
