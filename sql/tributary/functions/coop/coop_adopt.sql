-- ----------------------------------------------------------------------
-- Function: tributary.coop_adopt(3)
--
--      Turns a plain consumer of a queue into a group: its position and the events put off for it (its sub_id) become the
--      group's. On other queues the consumer stays what it is.
--
-- Parameters:
--      queue       - central queue
--      consumer    - plain consumer; its programs must be stopped, its batch finished
--      group_name  - group; may be the consumer's own name
--
-- Returns:
--      1 - adopted
--      0 - the group is there and the consumer is not: adopted before
--
-- Writes:
--      pgq.subscription, pgq.consumer
--
-- Called by:
--      src/install/plan/central-plan.ts, src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_adopt(queue text, consumer text, group_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     integer;
    v_sub       pgq.subscription;
    v_group     integer;
begin
    select q.queue_id into v_queue from pgq.queue q where q.queue_name = coop_adopt.queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`, or with pgq.create_queue.', coalesce(queue, 'NULL'));
    end if;
    select s.* into v_sub
    from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_queue and c.co_name = coop_adopt.consumer
    for update of s;
    if not found then
        perform 1
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_queue and c.co_name = coop_adopt.group_name;
        if found then
            return 0;
        end if;
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no consumer %s that group %s could adopt: correct its name, or register the group without it.',
            queue, coalesce(consumer, 'NULL'), coalesce(group_name, 'NULL'));
    end if;
    if v_sub.sub_batch is not null or v_sub.sub_last_tick is null then
        raise exception using errcode = 'object_in_use', message = format(
            'Consumer %s of queue %s has batch %s open: stop its program, finish the batch, and adopt it then.',
            consumer, queue, coalesce(v_sub.sub_batch::text, 'of a group'));
    end if;
    perform 1 from pgq.subscription s where s.sub_queue = v_queue and s.sub_id = v_sub.sub_id and s.sub_consumer <> v_sub.sub_consumer;
    if found then
        raise exception using errcode = 'object_in_use', message = format(
            'Consumer %s of queue %s is a group with members already: name it as the group, or unregister its members first.', consumer, queue);
    end if;
    if consumer = group_name then
        return 1;
    end if;

    insert into pgq.consumer (co_name) values (group_name) on conflict (co_name) do nothing;
    select c.co_id into v_group from pgq.consumer c where c.co_name = group_name for key share;
    perform 1 from pgq.subscription s where s.sub_queue = v_queue and s.sub_consumer = v_group;
    if found then
        raise exception using errcode = 'duplicate_object', message = format(
            'Queue %s has both consumer %s and group %s: drop the group with tributary.coop_drop_group, or do not adopt.',
            queue, consumer, group_name);
    end if;
    update pgq.subscription set sub_consumer = v_group
    where sub_queue = v_queue and sub_consumer = v_sub.sub_consumer;
    perform tributary.coop_forget(v_queue, v_sub.sub_consumer);
    return 1;
end;
$$;

revoke all on function tributary.coop_adopt(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.coop_adopt(text, text, text) to pgq_admin;
    end if;
end;
$$;
