-- Tables of a shard that captures of the file name, and tables that have triggers of this installation; catalogs only.
-- :request is a json array of {n, schema, table} with regular expressions, :prefix begins the names of our triggers, :function
-- is a regprocedure of insert_event, null where there is none.
with ours as (
    select t.tgrelid as oid, jsonb_agg(jsonb_build_object(
            'name', t.tgname, 'function', p.proname, 'schema', pn.nspname, 'arguments', encode(t.tgargs, 'hex'),
            'enabled', t.tgenabled::text, 'note', obj_description(t.oid, 'pg_trigger'),
            'disabledOn', (
                select jsonb_agg(c.tgrelid::regclass::text order by 1)
                  from pg_partition_tree(t.tgrelid) l
                  join pg_trigger c on c.tgrelid = l.relid and c.tgname = t.tgname
                 where l.level > 0 and c.tgenabled in ('D', 'R'))) order by t.tgname) as triggers
      from pg_trigger t
      join pg_proc p on p.oid = t.tgfoid
      join pg_namespace pn on pn.oid = p.pronamespace
     where starts_with(t.tgname, :prefix) and t.tgparentid = 0 and p.proname in ('jsontriga', 'logutriga')
     group by t.tgrelid
), named as (
    select c.oid, jsonb_agg(distinct r.n) as patterns
      from jsonb_to_recordset(:request::jsonb) as r (n integer, "schema" text, "table" text)
      join pg_namespace n on n.nspname ~ r."schema"
      join pg_class c on c.relnamespace = n.oid and c.relname ~ r."table"
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'pgq', 'pgque', 'pgq_coop', 'pgq_ext', 'tributary', 'tributary_spool')
     group by c.oid
)
select c.oid::bigint as id, n.nspname as schema, c.relname as name, c.relkind::text as kind, o.rolname as owner,
    pg_has_role(c.relowner, 'usage') as may_own, coalesce(m.patterns, '[]') as patterns, coalesce(u.triggers, '[]') as triggers,
    (select coalesce(jsonb_agg(a.relid::oid::bigint), '[]') from pg_partition_ancestors(c.oid) a where a.relid <> c.oid) as ancestors,
    (select coalesce(jsonb_agg(i.inhrelid::bigint), '[]') from pg_inherits i join pg_class k on k.oid = i.inhrelid
      where i.inhparent = c.oid and not k.relispartition) as children,
    -- A table that was attached is there since another transaction than its place among the partitions.
    (select coalesce(jsonb_agg(jsonb_build_array(pn.nspname || '.' || pc.relname, i.xmin::text is distinct from y.xmin::text) order by 1), '[]')
       from pg_partition_tree(c.oid) p
       join pg_class pc on pc.oid = p.relid
       join pg_namespace pn on pn.oid = pc.relnamespace
       join pg_inherits i on i.inhrelid = pc.oid
       left join pg_type y on y.oid = pc.reltype
      where c.relkind = 'p' and p.level > 0) as parts,
    (select coalesce(jsonb_agg(jsonb_build_array(a.attnum, a.attname, format_type(a.atttypid, a.atttypmod)) order by a.attnum), '[]')
       from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select jsonb_agg(a.attname order by k.n)
       from pg_index i
      cross join lateral unnest(i.indkey::int2[]) with ordinality k (attnum, n)
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = c.oid and i.indisprimary and k.n <= i.indnkeyatts) as key,
    (select jsonb_agg(a.attname order by k.n)
       from (select * from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
                and i.indexprs is null order by i.indnkeyatts, i.indexrelid limit 1) i
      cross join lateral unnest(i.indkey::int2[]) with ordinality k (attnum, n)
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where k.n <= i.indnkeyatts) as unique_columns,
    (select coalesce(jsonb_agg(jsonb_build_array(t.tgname, split_part(encode(t.tgargs, 'hex'), '00', 1))), '[]')
       from pg_trigger t join pg_proc p on p.oid = t.tgfoid
      where t.tgrelid = c.oid and t.tgenabled <> 'D' and not starts_with(t.tgname, :prefix)
        and p.proname in ('jsontriga', 'logutriga', 'sqltriga')) as others,
    (select coalesce(jsonb_agg(distinct coalesce(r.rolname, 'public')), '[]')
       from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
       left join pg_roles r on r.oid = a.grantee
      where a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
        and not has_function_privilege(coalesce(r.rolname, 'public'), :function::oid, 'execute')) as unable
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_roles o on o.oid = c.relowner
  left join named m on m.oid = c.oid
  left join ours u on u.oid = c.oid
 where m.oid is not null or u.oid is not null
 order by 2, 3
