-- ----------------------------------------------------------------------
-- Function: pgq_coop.register_subconsumer(3)
--
--      Registers a member, and its group where it does not exist; not the group of an installation's own workers, which
--      `tributary install` makes.
--
-- Parameters:
--      i_queue_name        - queue
--      i_consumer_name     - group
--      i_subconsumer_name  - member
--
-- Returns:
--      1 - registered
--      0 - it was there
--
-- Writes:
--      see tributary.coop_register, tributary.coop_register_group
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.register_subconsumer(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tributary.coop_register_group(i_queue_name, i_consumer_name);
    return tributary.coop_register(i_queue_name, i_consumer_name, i_subconsumer_name);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_coop.unregister_subconsumer(4)
--
--      Removes a member. Its open batch is never dropped: the others take it.
--
-- Parameters:
--      i_queue_name        - queue
--      i_consumer_name     - group
--      i_subconsumer_name  - member
--      i_batch_handling    - 1: leave an open batch to the others; anything else: refuse while one is open
--
-- Returns:
--      1 - removed
--      0 - no such member
--
-- Writes:
--      see tributary.coop_unregister
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.unregister_subconsumer(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_batch_handling integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- No such member, or no such group: no error.
    perform 1
    from pgq.queue q
    join pgq.subscription s on s.sub_queue = q.queue_id
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = i_consumer_name;
    if not found then
        return 0;
    end if;
    perform 1
    from pgq.queue q
    join pgq.subscription s on s.sub_queue = q.queue_id
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = tributary.coop_member_name(i_consumer_name, i_subconsumer_name)
        and s.sub_batch is not null and s.sub_active > to_timestamp(0) and i_batch_handling is distinct from 1;
    if found then
        raise exception 'subconsumer has active batch';
    end if;
    return tributary.coop_unregister(i_queue_name, i_consumer_name, i_subconsumer_name);
end;
$$;

revoke all on function pgq_coop.register_subconsumer(text, text, text) from public;
revoke all on function pgq_coop.unregister_subconsumer(text, text, text, integer) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function pgq_coop.register_subconsumer(text, text, text) to pgq_reader;
        grant execute on function pgq_coop.unregister_subconsumer(text, text, text, integer) to pgq_reader;
    end if;
end;
$$;
