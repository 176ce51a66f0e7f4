-- ----------------------------------------------------------------------
-- Function: pgq._grant_perms_from(4)
--
--      Gives a table the same grants as another one.
--
-- Parameters:
--      src_schema, src_table   - the table to copy from
--      dst_schema, dst_table   - the table to grant on
--
-- Returns:
--      1
--
-- Writes:
--      no table; grants
--
-- Called by:
--      pgq.grant_perms
-- ----------------------------------------------------------------------
create or replace function pgq._grant_perms_from(src_schema text, src_table text, dst_schema text, dst_table text)
returns integer
language plpgsql
strict
as $$
declare
    v_grant record;
begin
    for v_grant in
        select acl.privilege_type, acl.is_grantable,
               case when acl.grantee = 0 then 'public' else quote_ident(role.rolname) end as grantee
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         cross join lateral aclexplode(c.relacl) acl
          left join pg_catalog.pg_roles role on role.oid = acl.grantee
         where n.nspname = src_schema and c.relname = src_table
           and acl.grantee <> c.relowner
           and (acl.grantee = 0 or role.rolname is not null)
         order by 3, 1
    loop
        execute format('grant %s on table %I.%I to %s%s', v_grant.privilege_type, dst_schema, dst_table,
                       v_grant.grantee, case when v_grant.is_grantable then ' with grant option' else '' end);
    end loop;
    return 1;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.grant_perms(1)
--
--      Gives the tables of a queue the grants of pgq.event_template, and its sequences theirs.
--
-- Parameters:
--      x_queue_name    - name of the queue
--
-- Returns:
--      1
--
-- Writes:
--      no table; grants
--
-- Called by:
--      pgq.create_queue, users
-- ----------------------------------------------------------------------
create or replace function pgq.grant_perms(x_queue_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue pgq.queue;
    v_base  text;
begin
    select * into v_queue from pgq.queue where queue_name = x_queue_name;
    if not found then
        raise exception 'Queue not found';
    end if;

    v_base := 'event_' || v_queue.queue_id;
    perform pgq._grant_perms_from('pgq', 'event_template', 'pgq', v_base);
    for n in 0 .. v_queue.queue_ntables - 1 loop
        perform pgq._grant_perms_from('pgq', 'event_template', 'pgq', v_base || '_' || n);
    end loop;

    execute format('grant select on sequence %s, %s to public', v_queue.queue_event_seq, v_queue.queue_tick_seq);
    -- The roles are cluster-wide and may be missing where the installer was not allowed to create them.
    if to_regrole('pgq_admin') is not null then
        execute format('grant usage on sequence %s to pgq_admin', v_queue.queue_event_seq);
        if to_regclass(v_queue.queue_data_pfx || '_limit_seq') is not null then
            execute format('grant usage, update on sequence %s_limit_seq to pgq_admin', v_queue.queue_data_pfx);
        end if;
    end if;
    return 1;
end;
$$;
