// Finds strangers: roles that could put code of their own where ours runs, because they own schemas, functions or tables there.
//
// The owner of a schema or a function can replace its code, which runs with the rights of the caller: of the role that
// installs, perhaps a superuser, and of the role that moves and handles events. So nothing in such a schema is called before
// this check. Objects of an extension are left out.
import { literal } from '../../postgres/quote.ts';

export interface StrangersOptions {
  /** The schemas to check. */
  readonly schemas: readonly string[];
  /** Roles of the file that are no strangers: the runtime role, and the one that installs. */
  readonly roles: readonly string[];
}

/**
 * An SQL expression: what strangers own or may change there, as an array of sentences without a full stop; null: nothing.
 * Superusers, the database's owner, the current role, the roles of the file, and roles whose rights these have are no strangers.
 */
export const strangersSql = ({ schemas, roles }: StrangersOptions): string => `(
    with known as (
        select r.oid from pg_catalog.pg_roles r
        where r.rolsuper or r.rolname = 'pg_database_owner'
           or r.oid = (select datdba from pg_catalog.pg_database where datname = current_database())
           or exists (select from pg_catalog.pg_roles m
                      where m.rolname in (${['current_user', ...roles.map(literal)].join(', ')})
                        and (m.oid = r.oid or not m.rolsuper and pg_has_role(m.oid, r.oid, 'usage')))),
    ours as (
        select n.* from pg_catalog.pg_namespace n
        where n.nspname in (${schemas.map(literal).join(', ')})
          and not exists (select from pg_catalog.pg_depend d
                          where d.classid = 'pg_catalog.pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'))
    select jsonb_agg(s.sentence order by s.sentence) from (
        select format('schema %I belongs to role %I', n.nspname, pg_get_userbyid(n.nspowner)) as sentence
        from ours n where n.nspowner not in (select oid from known)
        union
        select format('%s may create in schema %I',
            case when a.grantee = 0 then 'everybody' else format('role %I', pg_get_userbyid(a.grantee)) end, n.nspname)
        from ours n cross join lateral aclexplode(n.nspacl) a
        where a.privilege_type = 'CREATE' and a.grantee not in (select oid from known)
        union
        (select format('function %s in schema %I belongs to role %I', p.proname, n.nspname, pg_get_userbyid(p.proowner))
         from ours n join pg_catalog.pg_proc p on p.pronamespace = n.oid
         where p.proowner not in (select oid from known) order by p.proname limit 1)
        union
        (select format('%s in schema %I belongs to role %I', c.relname, n.nspname, pg_get_userbyid(c.relowner))
         from ours n join pg_catalog.pg_class c on c.relnamespace = n.oid
         where c.relowner not in (select oid from known) order by c.relname limit 1)) s)`;

export const rolesOf = (runtime: string, admin: string | undefined): readonly string[] =>
  admin === undefined ? [runtime] : [runtime, admin];

/** Why nothing may be run there; undefined: there are no strangers. */
export function strangerHindrance(strangers: readonly string[], place: string): string | undefined {
  const [first] = strangers;
  if (first === undefined) return undefined;
  return `${place}: ${first}, which is neither a superuser, nor the database's owner, nor a role of the file, and could make anything run with our rights: find out where it comes from; drop it, or give it to the role that installs (\`alter ... owner to\`), or let the file name its owner as \`admin:\`.`;
}
