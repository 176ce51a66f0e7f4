-- ----------------------------------------------------------------------
-- Function: tributary.coop_register(3)
--
--      Registers a member of a group. A member that was unregistered with an open batch gets it again. The group must exist:
--      created here it would begin at the newest tick, and waiting events would be lost without an error.
--
-- Parameters:
--      queue       - central queue
--      group_name  - group; an error that names what is missing
--      member      - member, e.g. orders#3
--
-- Returns:
--      1 - registered
--      0 - it was there
--
-- Writes:
--      pgq.consumer, pgq.subscription
--
-- Called by:
--      src/queue/coop.ts, tributary.coop_next_batch, pgq_coop.register_subconsumer
-- ----------------------------------------------------------------------
create or replace function tributary.coop_register(queue text, group_name text, member text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     integer;
    v_main      pgq.subscription;
    v_name      text := tributary.coop_member_name(group_name, member);
    v_consumer  integer;
    v_mine      pgq.subscription;
begin
    if coalesce(group_name, '') = '' or coalesce(member, '') = '' then
        raise exception using errcode = 'invalid_parameter_value', message = 'A group and its member need names.';
    end if;
    for v_try in 1 .. 20 loop
        -- A look first: a call for a member that is registered writes nothing.
        select q.queue_id into v_queue from pgq.queue q where q.queue_name = coop_register.queue;
        begin
            v_main := tributary.coop_group(queue, group_name);
            select s.* into v_mine
            from pgq.consumer c join pgq.subscription s on s.sub_queue = v_queue and s.sub_consumer = c.co_id
            where c.co_name = v_name;
            if found then
                if v_mine.sub_id <> v_main.sub_id then
                    raise exception using errcode = 'duplicate_object', message = format(
                        'Queue %s has a consumer %s that is no member of group %s: choose another name for the member.',
                        queue, v_name, group_name);
                end if;
                update pgq.subscription set sub_active = clock_timestamp()
                where sub_queue = v_queue and sub_consumer = v_mine.sub_consumer and sub_active = to_timestamp(0);
                return found::integer;
            end if;
            select co_id into v_consumer from pgq.consumer where co_name = v_name;
            if not found then
                insert into pgq.consumer (co_name) values (v_name) on conflict (co_name) do nothing
                returning co_id into v_consumer;
            end if;
            if v_consumer is not null then
                insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active)
                values (v_main.sub_id, v_queue, v_consumer, null, clock_timestamp())
                on conflict (sub_queue, sub_consumer) do nothing;
                if found then
                    return 1;
                end if;
            end if;
        exception
            -- Another session registers the same name at this moment, or removes its unused consumer row: look again.
            when unique_violation or foreign_key_violation then
                if v_try = 20 then
                    raise;
                end if;
        end;
    end loop;
    raise exception using errcode = 'serialization_failure', message = format(
        'Member %s of group %s on queue %s is being registered and removed by others at the same moment: try again.', member, group_name, queue);
end;
$$;

revoke all on function tributary.coop_register(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_register(text, text, text) to pgq_reader;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_register_group(2)
--
--      Registers a group, at the newest tick, where it does not exist. Not the group of this installation's workers:
--      `tributary install` decides where that one begins, and only an explicit command removes it.
--
-- Parameters:
--      queue       - queue
--      group_name  - group
--
-- Returns:
--      1 - registered
--      0 - it was there
--
-- Writes:
--      pgq.consumer, pgq.subscription
--
-- Called by:
--      pgq_coop.register_subconsumer, pgq_coop.next_batch_custom
-- ----------------------------------------------------------------------
create or replace function tributary.coop_register_group(queue text, group_name text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(group_name, '') = '' then
        raise exception using errcode = 'invalid_parameter_value', message = 'A group needs a name.';
    end if;
    for v_try in 1 .. 20 loop
        -- A queue that does not exist: the member's registration raises the error.
        perform 1 from pgq.queue q where q.queue_name = coop_register_group.queue
            and not exists (
                select from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
                where s.sub_queue = q.queue_id and c.co_name = coop_register_group.group_name);
        if not found then
            return 0;
        end if;
        perform 1 from tributary.identity i
        where group_name = 'workers_' || i.name or starts_with(group_name, 'workers_' || i.name || '/');
        if found then
            -- Raises an error with the remedy.
            perform tributary.coop_group(queue, group_name);
        end if;
        begin
            insert into pgq.consumer (co_name) values (group_name) on conflict (co_name) do nothing;
            return pgq.register_consumer(queue, group_name);
        exception
            -- Another session registers the same name at this moment, or removes its unused consumer row: look again.
            when unique_violation or foreign_key_violation then
                if v_try = 20 then
                    raise;
                end if;
        end;
    end loop;
    return 0;
end;
$$;

revoke all on function tributary.coop_register_group(text, text) from public;
