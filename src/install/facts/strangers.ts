// Who could put code of theirs where ours runs: schemas, functions and tables that belong to a role which has no business there.
//
// Whoever owns a schema or a function can replace what it does, and it is run with the rights of whoever calls it: of the role
// that installs, perhaps a superuser's, and of the one that moves and handles events. So nothing in such a schema is called
// before this was asked, and what an extension made is the extension's business.
import { literal } from '../../postgres/quote.ts';

export interface StrangersOptions {
  /** Those that are asked about. */
  readonly schemas: readonly string[];
  /** Those of the file, besides who is asking: the runtime role, and the one that installs. */
  readonly roles: readonly string[];
}

/**
 * An expression: what strangers own or may change there, as an array of sentences without a full stop; null: nothing.
 * No strangers are superusers, the database's owner, who is asking, the roles of the file, and roles whose rights these have.
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

/** Why nothing may be run there; undefined: no stranger is. */
export function strangerHindrance(strangers: readonly string[], place: string): string | undefined {
  const [first] = strangers;
  if (first === undefined) return undefined;
  return `${place}: ${first}, who is neither a superuser, nor the database's owner, nor a role of the file, and could make anything run with our rights: find out who put it there; drop it, or give it to the role that installs (\`alter ... owner to\`), or let the file name its owner as \`admin:\`.`;
}
