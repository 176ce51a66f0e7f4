-- ----------------------------------------------------------------------
-- Function: tributary.coop_unregister(3)
--
--      Removes a member from its group. No event is dropped: an open batch becomes an orphan, which any member takes with its
--      next call; until then its worker may still finish it. The group itself stays: see tributary.coop_drop_group.
--
-- Parameters:
--      queue       - central queue
--      group_name  - group
--      member      - member
--
-- Returns:
--      1 - removed
--      0 - no such member
--
-- Writes:
--      pgq.subscription, pgq.consumer
--
-- Called by:
--      tributary.coop_leave, pgq_coop.unregister_subconsumer
-- ----------------------------------------------------------------------
create or replace function tributary.coop_unregister(queue text, group_name text, member text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
    v_mine  pgq.subscription;
begin
    v_main := tributary.coop_group(queue, group_name);
    select s.* into v_mine
    from pgq.subscription s
    join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
        and c.co_name = tributary.coop_member_name(group_name, member)
    for update of s;
    if not found or v_mine.sub_batch is not null and v_mine.sub_active <= to_timestamp(0) then
        return 0;
    end if;
    if v_mine.sub_batch is null then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription set sub_active = to_timestamp(0)
        where sub_queue = v_mine.sub_queue and sub_consumer = v_mine.sub_consumer;
    end if;
    return 1;
end;
$$;

revoke all on function tributary.coop_unregister(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_unregister(text, text, text) to pgq_reader;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_leave(4)
--
--      Unregisters the member of a process that ends. Another process may have its name by now: that one's open batch has
--      another token and is left alone, and an idle member registers again by itself.
--
-- Parameters:
--      queue       - central queue
--      group_name  - group
--      member      - member
--      batch_id    - token of the last batch that this process took; null: it took none
--
-- Returns:
--      1 - removed
--      0 - no such member, or its batch is another's
--
-- Writes:
--      see tributary.coop_unregister
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_leave(queue text, group_name text, member text, batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(queue, group_name);
begin
    perform 1
    from pgq.subscription s
    join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
        and c.co_name = tributary.coop_member_name(group_name, member)
        and (s.sub_batch is null or s.sub_batch = coop_leave.batch_id)
    for update of s;
    return case when found then tributary.coop_unregister(queue, group_name, member) else 0 end;
end;
$$;

revoke all on function tributary.coop_leave(text, text, text, bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_leave(text, text, text, bigint) to pgq_reader;
    end if;
end;
$$;
