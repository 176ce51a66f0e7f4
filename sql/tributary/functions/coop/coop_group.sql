-- ----------------------------------------------------------------------
-- Function: tributary.coop_group(2)
--
--      The main subscription of a group: its row has the group's position, and its sub_id is the one of all members.
--
-- Parameters:
--      queue       - central queue
--      group_name  - group
--
-- Returns:
--      the row of pgq.subscription; an error that names what is missing
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch, tributary.coop_register, tributary.coop_register_group, tributary.coop_unregister,
--      tributary.coop_leave, tributary.coop_drop_group
-- ----------------------------------------------------------------------
create or replace function tributary.coop_group(queue text, group_name text)
returns pgq.subscription
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
begin
    select s.* into v_main
    from pgq.queue q
    join pgq.consumer c on c.co_name = coop_group.group_name
    join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
    where q.queue_name = coop_group.queue;
    if found then
        if v_main.sub_last_tick is null then
            raise exception using errcode = 'object_not_in_prerequisite_state', message = format(
                'Consumer %s of queue %s has no position: it is a member of another group, or was finished with the wrong function. '
                'Move it with pgq.register_consumer_at, or choose another name for the group.', group_name, queue);
        end if;
        return v_main;
    end if;
    perform 1 from pgq.queue where queue_name = coop_group.queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`, or with pgq.create_queue.', coalesce(queue, 'NULL'));
    end if;
    raise exception using errcode = 'undefined_object', message = format(
        'Queue %s has no group %s: `tributary install` registers it; where it was removed, what waits is handled only if '
        'it is then moved back with pgq.register_consumer_at.', queue, coalesce(group_name, 'NULL'));
end;
$$;
