-- ----------------------------------------------------------------------
-- Function: tributary.coop_forget(2)
--
--      Removes a member's row, and its name where no other queue uses it. A name that another session uses at this moment stays.
--
-- Parameters:
--      queue_id    - queue
--      consumer_id - the member's consumer
--
-- Returns:
--      nothing
--
-- Writes:
--      pgq.subscription, pgq.consumer
--
-- Called by:
--      tributary.coop_next_batch, tributary.coop_finish_batch, tributary.coop_unregister, tributary.coop_drop_group
-- ----------------------------------------------------------------------
create or replace function tributary.coop_forget(queue_id integer, consumer_id integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgq.subscription where sub_queue = queue_id and sub_consumer = consumer_id;
    perform 1 from pgq.consumer where co_id = consumer_id for update skip locked;
    if found then
        -- Under the row's lock no other session can begin to use the name, and this statement sees those that do.
        delete from pgq.consumer
        where co_id = consumer_id and not exists (select from pgq.subscription where sub_consumer = consumer_id);
    end if;
end;
$$;

revoke all on function tributary.coop_forget(integer, integer) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_mend(3)
--
--      pgq.finish_batch leaves a position on a member that it closes, which would hold rotation back for ever and make
--      pgq.unregister_consumer take the member for the group: the member becomes idle again.
--
-- Parameters:
--      queue_id        - queue
--      consumer_id     - the member's consumer
--      consumer_name   - its name
--
-- Returns:
--      nothing
--
-- Writes:
--      pgq.subscription, pgq.consumer
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_mend(queue_id integer, consumer_id integer, consumer_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgq.subscription
    set sub_last_tick = null, sub_next_tick = null
    where sub_queue = queue_id and sub_consumer = consumer_id and sub_batch is null;
    if found and consumer_name like E'%.\\%batch %' then
        perform tributary.coop_forget(queue_id, consumer_id);
    end if;
end;
$$;

revoke all on function tributary.coop_mend(integer, integer, text) from public;
