-- ----------------------------------------------------------------------
-- Function: tributary.coop_drop_group(3)
--
--      Ends a group with its members, its position and the events that were put off for it. No other function removes a
--      group: a central queue without a consumer loses its events by rotation.
--
-- Parameters:
--      queue       - central queue
--      group_name  - group
--      force       - also with open batches or events that wait to be tried again, which are then lost to the group
--
-- Returns:
--      members         - how many it had
--      open_batches    - how many of them had a batch open
--      retries         - how many events waited to be tried again
--
-- Writes:
--      pgq.subscription, pgq.retry_queue, pgq.consumer, tributary.coop_opening, tributary.narrowing, tributary.attempt,
--      tributary.lane, tributary.lane_set, tributary.paused_key, tributary.lane_waiting, tributary.key_rate
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_drop_group(queue text, group_name text, force boolean default false,
    out members integer, out open_batches integer, out retries integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
    v_row   record;
begin
    v_main := tributary.coop_group(queue, group_name);
    -- The position's lock first, in the order of calls that open a batch: from here on no batch is opened.
    perform 1 from pgq.subscription s
    where s.sub_queue = v_main.sub_queue and s.sub_consumer = v_main.sub_consumer for update;
    members := 0;
    open_batches := 0;
    for v_row in
        select s.sub_consumer, s.sub_batch
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
            and (s.sub_consumer = v_main.sub_consumer or starts_with(c.co_name, group_name || '.'))
        order by s.sub_consumer
        for update of s
    loop
        members := members + (v_row.sub_consumer <> v_main.sub_consumer)::integer;
        open_batches := open_batches + (v_row.sub_batch is not null)::integer;
        perform tributary.coop_forget(v_main.sub_queue, v_row.sub_consumer);
    end loop;
    delete from pgq.retry_queue where ev_queue = v_main.sub_queue and ev_owner = v_main.sub_id;
    get diagnostics retries = row_count;
    retries := retries + (select count(*) from tributary.lane_waiting w where w.queue_id = v_main.sub_queue and w.sub_id = v_main.sub_id);
    delete from tributary.coop_opening where queue_id = v_main.sub_queue and sub_id = v_main.sub_id;
    delete from tributary.paused_key k where k.queue_id = v_main.sub_queue and k.sub_id = v_main.sub_id;
    delete from tributary.lane_waiting w where w.queue_id = v_main.sub_queue and w.sub_id = v_main.sub_id;
    delete from tributary.key_rate r where r.queue_id = v_main.sub_queue and r.sub_id = v_main.sub_id;
    delete from tributary.lane l where l.queue_id = v_main.sub_queue and l.sub_id = v_main.sub_id;
    delete from tributary.lane_set o where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id;
    delete from tributary.narrowing n where n.central_queue = queue
        and (n.group_name = coop_drop_group.group_name or starts_with(n.group_name, coop_drop_group.group_name || '@'));
    delete from tributary.attempt a where a.central_queue = queue and a.group_name = coop_drop_group.group_name;
    if not coalesce(force, false) and open_batches + retries > 0 then
        raise exception using errcode = 'object_in_use', message = format(
            'Group %s of queue %s has %s open batches and %s events that wait to be tried again: let its workers finish, or force it and lose them.',
            group_name, queue, open_batches, retries);
    end if;
end;
$$;

revoke all on function tributary.coop_drop_group(text, text, boolean) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.coop_drop_group(text, text, boolean) to pgq_admin;
    end if;
end;
$$;
