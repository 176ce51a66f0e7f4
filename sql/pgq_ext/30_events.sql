-- Notes and reads which events of the batch at hand a destination has taken.

-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_event_done(4)
--
--      Asks whether a destination has taken an event.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_subconsumer   - one of its members
--      a_batch_id      - the batch
--      a_event_id      - the event
--
-- Returns:
--      has it?
--
-- Writes:
--      none
--
-- Called by:
--      pgq_ext.is_event_done, consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.is_event_done(a_consumer text, a_subconsumer text, a_batch_id bigint, a_event_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select 1 from pgq_ext.completed_event
         where consumer_id = a_consumer and subconsumer_id = a_subconsumer and batch_id = a_batch_id and event_id = a_event_id);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_event_done(3)
--
--      The same for a consumer that has no members.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_batch_id      - the batch
--      a_event_id      - the event
--
-- Returns:
--      has it?
--
-- Writes:
--      none
--
-- Called by:
--      consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.is_event_done(a_consumer text, a_batch_id bigint, a_event_id bigint)
returns boolean
language sql
as $$
    select pgq_ext.is_event_done($1, '', $2, $3);
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_event_done(4)
--
--      Notes that a destination takes an event. Those of a former batch are forgotten with the first of another one.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_subconsumer   - one of its members
--      a_batch_id      - the batch
--      a_event_id      - the event
--
-- Returns:
--      true - the event is to be taken; false - it has been
--
-- Writes:
--      pgq_ext.completed_event, pgq_ext.partial_batch
--
-- Called by:
--      pgq_ext.set_event_done, consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.set_event_done(a_consumer text, a_subconsumer text, a_batch_id bigint, a_event_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_former    bigint;
begin
    if pgq_ext.is_event_done(a_consumer, a_subconsumer, a_batch_id, a_event_id) then
        return false;
    end if;
    select cur_batch_id into v_former
      from pgq_ext.partial_batch
     where consumer_id = a_consumer and subconsumer_id = a_subconsumer
       for update;
    if v_former <> a_batch_id then
        delete from pgq_ext.completed_event
         where consumer_id = a_consumer and subconsumer_id = a_subconsumer and batch_id = v_former;
    end if;
    insert into pgq_ext.partial_batch as p (consumer_id, subconsumer_id, cur_batch_id)
    values (a_consumer, a_subconsumer, a_batch_id)
    on conflict (consumer_id, subconsumer_id) do update set cur_batch_id = excluded.cur_batch_id
     where p.cur_batch_id <> excluded.cur_batch_id;
    insert into pgq_ext.completed_event (consumer_id, subconsumer_id, batch_id, event_id)
    values (a_consumer, a_subconsumer, a_batch_id, a_event_id)
    on conflict do nothing;
    return found;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_event_done(3)
--
--      The same for a consumer that has no members.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_batch_id      - the batch
--      a_event_id      - the event
--
-- Returns:
--      true - the event is to be taken; false - it has been
--
-- Writes:
--      pgq_ext.completed_event, pgq_ext.partial_batch
--
-- Called by:
--      consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.set_event_done(a_consumer text, a_batch_id bigint, a_event_id bigint)
returns boolean
language sql
as $$
    select pgq_ext.set_event_done($1, '', $2, $3);
$$;
