-- The three roles of PgQ. They belong to the whole cluster: another database may have created them, or do so at this moment,
-- and an installer without the right to create roles goes on without them; then only the owner can use the engine.
do $$
declare
    v_role  text;
begin
    foreach v_role in array array['pgq_reader', 'pgq_writer', 'pgq_admin'] loop
        if to_regrole(v_role) is null then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when insufficient_privilege then
                    raise notice 'role % is missing and % may not create it: only the owner of schema pgq can use it', v_role, current_user;
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;

    if to_regrole('pgq_reader') is not null and to_regrole('pgq_writer') is not null and to_regrole('pgq_admin') is not null
       and not (pg_has_role('pgq_admin', 'pgq_reader', 'member') and pg_has_role('pgq_admin', 'pgq_writer', 'member')) then
        begin
            grant pgq_reader, pgq_writer to pgq_admin;
        exception when insufficient_privilege or duplicate_object or unique_violation or internal_error then
            raise notice 'role pgq_admin was not made a member of pgq_reader and pgq_writer: %', sqlerrm;
        end;
    end if;
end;
$$;
