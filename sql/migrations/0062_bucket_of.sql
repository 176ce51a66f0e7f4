-- The same bucket of each key by cheaper functions: it is computed for each event that goes into a queue with lanes.
create or replace function tributary.bucket_of(x_key text, x_id bigint)
returns integer
language sql immutable parallel safe
as $$
    select case when x_key is null then (x_id & 63)::integer
        else pg_catalog.get_byte(pg_catalog.decode(pg_catalog.left(pg_catalog.md5(x_key), 2), 'hex'), 0) & 63 end
$$;

-- Sessions keep how they compute an index, which has to be as a query says it for the index to be used: they read it anew.
do $$
declare
    v_index regclass;
begin
    for v_index in
        select c.oid from pg_class c
        where c.relnamespace = 'pgq'::regnamespace and c.relkind = 'i' and c.relname ~ '_lanes_[0-9a-f]{8}$'
    loop
        execute format('alter index %s set (fillfactor = 90)', v_index);
    end loop;
end;
$$;
