-- ----------------------------------------------------------------------
-- Function: tributary.log_note(5)
--
--      Notes what an operator did, in the transaction that does it, or what happened.
--
-- Parameters:
--      x_who       - the operator; null: nobody, it happened
--      x_via       - cli, page, or program for what happened
--      x_kind      - a short stable name, such as pause or take-over
--      x_queues    - central queues that it concerns; null: all
--      x_what      - a sentence
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.logbook
--
-- Called by:
--      tributary.lease_beat, tributary.halt_source
--      src/central/logbook/note.ts
-- ----------------------------------------------------------------------
create or replace function tributary.log_note(x_who text, x_via text, x_kind text, x_queues text[], x_what text)
returns void as $$
    insert into tributary.logbook (who, via, kind, central_queues, what) values (x_who, x_via, x_kind, x_queues, x_what)
$$ language sql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.log_expire(2)
--
--      Deletes what was noted long ago, the oldest first.
--
-- Parameters:
--      x_keep      - how long it is kept
--      x_limit     - most rows
--
-- Returns:
--      how many
--
-- Writes:
--      tributary.logbook
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.log_expire(x_keep interval, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.logbook l
        where l.id in (select o.id from tributary.logbook o where o.at < now() - x_keep order by o.at limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
