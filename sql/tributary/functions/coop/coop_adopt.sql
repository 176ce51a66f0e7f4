-- ----------------------------------------------------------------------
-- Function: tributary.coop_adopt(3)
--
--      Turns a plain consumer of a queue, or a group without open batches, into a group: its position, the events put off for it
--      (its sub_id), their failures and its dead events become the group's. On other queues the consumer stays what it is.
--
-- Parameters:
--      queue       - central queue
--      consumer    - plain consumer or group; its programs must be stopped, its batches finished
--      group_name  - group; may be the consumer's own name
--
-- Returns:
--      1 - adopted
--      0 - the group is there and the consumer is not: adopted before
--
-- Writes:
--      pgq.subscription, pgq.consumer, tributary.attempt, tributary.narrowing, tributary.dead_event
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
    v_member    record;
    v_is_ours   boolean;
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
    v_is_ours := exists (
        select from tributary.identity i
        where consumer = 'workers_' || i.name or starts_with(consumer, 'workers_' || i.name || '/'));
    for v_member in
        select s.sub_consumer, s.sub_batch from pgq.subscription s
        where s.sub_queue = v_queue and s.sub_id = v_sub.sub_id and s.sub_consumer <> v_sub.sub_consumer
        order by s.sub_consumer
        for update of s
    loop
        if not v_is_ours then
            raise exception using errcode = 'object_in_use', message = format(
                'Consumer %s of queue %s is a group with members already: name it as the group, or unregister its members first.', consumer, queue);
        elsif v_member.sub_batch is not null then
            raise exception using errcode = 'object_in_use', message = format(
                'Group %s of queue %s has batches open: park it with `tributary scale`, or stop its workers, and adopt it then.', consumer, queue);
        end if;
        perform tributary.coop_forget(v_queue, v_member.sub_consumer);
    end loop;
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
    update tributary.attempt a set group_name = coop_adopt.group_name
    where a.central_queue = queue and a.group_name = consumer;
    update tributary.narrowing n set group_name = coop_adopt.group_name
    where n.central_queue = queue and n.group_name = consumer;
    if v_is_ours then
        update tributary.dead_event d set group_name = nullif(split_part(coop_adopt.group_name, '/', 2), '')
        where d.central_queue = queue and d.kind <> 'poison'
            and d.group_name is not distinct from nullif(split_part(consumer, '/', 2), '');
    end if;
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
