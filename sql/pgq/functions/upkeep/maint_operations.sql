-- ----------------------------------------------------------------------
-- Function: pgq.maint_operations(0)
--
--      Lists the maintenance that is due, in the order in which it is to be done. Each function is called in a
--      transaction of its own, with the argument if there is one, and again while it returns 1.
--
-- Parameters:
--      none
--
-- Returns:
--      func_name   - function to call, or vacuum
--      func_arg    - its argument, or null
--
-- Writes:
--      none
--
-- Called by:
--      pgqd, users
-- ----------------------------------------------------------------------
create or replace function pgq.maint_operations(out func_name text, out func_arg text)
returns setof record
language plpgsql
as $$
declare
    v_rotated   boolean := false;
begin
    func_name := 'pgq.maint_rotate_tables_step1';
    for func_arg in
        select queue_name from pgq.queue
         where queue_switch_step2 is not null and queue_switch_time + queue_rotation_period < now()
         order by queue_name
    loop
        v_rotated := true;
        return next;
    end loop;

    if v_rotated or exists (select 1 from pgq.queue where queue_switch_step2 is null) then
        func_name := 'pgq.maint_rotate_tables_step2';
        func_arg := null;
        return next;
    end if;

    for func_name, func_arg in
        select extra.name, q.queue_name
          from pgq.queue q
         cross join lateral unnest(q.queue_extra_maint) with ordinality extra (name, n)
         order by q.queue_name, extra.n
    loop
        return next;
    end loop;

    func_name := 'vacuum';
    for func_arg in select * from pgq.maint_tables_to_vacuum() loop
        return next;
    end loop;

    for func_name, func_arg in select * from pgq._neighbours_maintenance() loop
        return next;
    end loop;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._neighbours_maintenance(0)
--
--      Lists the maintenance of pgq_node and Londiste, where they are installed: without it their watermarks stay, and
--      rotation stops.
--
-- Parameters:
--      none
--
-- Returns:
--      func_name   - function to call
--      func_arg    - its argument, or null
--
-- Writes:
--      none
--
-- Called by:
--      pgq.maint_operations
-- ----------------------------------------------------------------------
create or replace function pgq._neighbours_maintenance(out func_name text, out func_arg text)
returns setof record
language plpgsql
as $$
declare
    v_there constant text[] := array(
        select n.nspname || '.' || p.proname
          from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname in ('pgq_node', 'londiste'));
begin
    func_name := 'pgq_node.maint_watermark';
    if func_name = any (v_there) then
        for func_arg in execute 'select queue_name from pgq_node.node_info where node_type = ''root'' order by queue_name' loop
            return next;
        end loop;
    end if;

    func_name := 'londiste.root_check_seqs';
    if func_name = any (v_there) then
        for func_arg in execute
            'select distinct s.queue_name from londiste.seq_info s join pgq_node.node_info n on n.queue_name = s.queue_name'
            ' where s.local and n.node_type = ''root'' order by s.queue_name'
        loop
            return next;
        end loop;
    end if;

    func_name := 'londiste.periodic_maintenance';
    func_arg := null;
    if func_name = any (v_there) then
        return next;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.maint_tables_to_vacuum(0)
--
--      Tables that are to be vacuumed often; none where autovacuum does it.
--
-- Parameters:
--      none
--
-- Returns:
--      names with schema
--
-- Writes:
--      none
--
-- Called by:
--      pgq.maint_operations, users
-- ----------------------------------------------------------------------
create or replace function pgq.maint_tables_to_vacuum()
returns setof text
language plpgsql
as $$
begin
    if current_setting('autovacuum') = 'on' then
        return;
    end if;
    return query
        select t.name
          from (values ('pgq.subscription'), ('pgq.consumer'), ('pgq.queue'), ('pgq.tick'), ('pgq.retry_queue'),
                       ('pgq_ext.completed_tick'), ('pgq_ext.completed_batch'), ('pgq_ext.completed_event'),
                       ('pgq_ext.partial_batch'),
                       ('pgq_node.local_state'), ('londiste.seq_info'), ('londiste.completed'), ('txid.epoch')) t (name)
         where to_regclass(t.name) is not null;
end;
$$;
