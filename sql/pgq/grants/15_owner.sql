-- Gives objects that an upgrade by a superuser has added to the owner of the schema, whose functions call them.
do $$
declare
    v_function  record;
begin
    for v_function in
        select p.oid::regprocedure as name, n.nspowner::regrole as owner
          from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'pgq' and p.proowner <> n.nspowner and p.proowner = quote_ident(current_user)::regrole
    loop
        execute format('alter function %s owner to %s', v_function.name, v_function.owner);
    end loop;
end;
$$;
