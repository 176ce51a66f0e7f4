-- Notes and reads up to which tick a destination has taken a queue.

-- ----------------------------------------------------------------------
-- Function: pgq_ext.get_last_tick(2)
--
--      The tick up to which a destination has taken everything.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_subconsumer   - one of its members
--
-- Returns:
--      the tick, null if none is noted
--
-- Writes:
--      none
--
-- Called by:
--      pgq_ext.get_last_tick, consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.get_last_tick(a_consumer text, a_subconsumer text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select last_tick_id from pgq_ext.completed_tick where consumer_id = a_consumer and subconsumer_id = a_subconsumer);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.get_last_tick(1)
--
--      The same for a consumer that has no members.
--
-- Parameters:
--      a_consumer      - the consumer
--
-- Returns:
--      the tick, null if none is noted
--
-- Writes:
--      none
--
-- Called by:
--      consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.get_last_tick(a_consumer text)
returns bigint
language sql
as $$
    select pgq_ext.get_last_tick($1, '');
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_last_tick(3)
--
--      Notes the tick up to which a destination has taken everything; it may move back.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_subconsumer   - one of its members
--      a_tick_id       - the tick; null forgets it
--
-- Returns:
--      1
--
-- Writes:
--      pgq_ext.completed_tick
--
-- Called by:
--      pgq_ext.set_last_tick, consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.set_last_tick(a_consumer text, a_subconsumer text, a_tick_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if a_tick_id is null then
        delete from pgq_ext.completed_tick where consumer_id = a_consumer and subconsumer_id = a_subconsumer;
    else
        insert into pgq_ext.completed_tick (consumer_id, subconsumer_id, last_tick_id)
        values (a_consumer, a_subconsumer, a_tick_id)
        on conflict (consumer_id, subconsumer_id) do update set last_tick_id = excluded.last_tick_id;
    end if;
    return 1;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_last_tick(2)
--
--      The same for a consumer that has no members.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_tick_id       - the tick; null forgets it
--
-- Returns:
--      1
--
-- Writes:
--      pgq_ext.completed_tick
--
-- Called by:
--      consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.set_last_tick(a_consumer text, a_tick_id bigint)
returns integer
language sql
as $$
    select pgq_ext.set_last_tick($1, '', $2);
$$;
