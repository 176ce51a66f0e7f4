-- Notes and reads which batch a destination took last.

-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_batch_done(3)
--
--      Asks whether a destination has taken a batch.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_subconsumer   - one of its members
--      a_batch_id      - the batch
--
-- Returns:
--      true - it is the one that was taken last; another one, also an older one, is not
--
-- Writes:
--      none
--
-- Called by:
--      pgq_ext.is_batch_done, consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.is_batch_done(a_consumer text, a_subconsumer text, a_batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_last  bigint;
begin
    select last_batch_id into v_last from pgq_ext.completed_batch where consumer_id = a_consumer and subconsumer_id = a_subconsumer;
    if not found then
        return false;
    end if;
    return v_last = a_batch_id;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.is_batch_done(2)
--
--      The same for a consumer that has no members.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_batch_id      - the batch
--
-- Returns:
--      true - it is the one that was taken last; another one, also an older one, is not
--
-- Writes:
--      none
--
-- Called by:
--      consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.is_batch_done(a_consumer text, a_batch_id bigint)
returns boolean
language sql
as $$
    select pgq_ext.is_batch_done($1, '', $2);
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_batch_done(3)
--
--      Notes that a destination takes a batch; an id that is null or not above 0 is not noted.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_subconsumer   - one of its members
--      a_batch_id      - the batch
--
-- Returns:
--      true - the batch is to be taken; false - it is the one that was taken last
--
-- Writes:
--      pgq_ext.completed_batch
--
-- Called by:
--      pgq_ext.set_batch_done, consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.set_batch_done(a_consumer text, a_subconsumer text, a_batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if a_batch_id is null or a_batch_id <= 0 then
        return true;
    end if;
    insert into pgq_ext.completed_batch as c (consumer_id, subconsumer_id, last_batch_id)
    values (a_consumer, a_subconsumer, a_batch_id)
    on conflict (consumer_id, subconsumer_id) do update set last_batch_id = excluded.last_batch_id
     where c.last_batch_id <> excluded.last_batch_id;
    return found;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.set_batch_done(2)
--
--      The same for a consumer that has no members.
--
-- Parameters:
--      a_consumer      - the consumer
--      a_batch_id      - the batch
--
-- Returns:
--      true - the batch is to be taken; false - it is the one that was taken last
--
-- Writes:
--      pgq_ext.completed_batch
--
-- Called by:
--      consumers
-- ----------------------------------------------------------------------
create or replace function pgq_ext.set_batch_done(a_consumer text, a_batch_id bigint)
returns boolean
language sql
as $$
    select pgq_ext.set_batch_done($1, '', $2);
$$;
