// The mark on an installed engine: which files were applied, and which functions and roles there were. Where a function was
// dropped or a role was added since, the mark is void, and the next install applies the files again.
import { literal } from '../../postgres/quote.ts';

/** A hash of PgQ's functions and roles. */
const STATE = `md5(concat(
        (select string_agg(p.proname || ' ' || p.proargtypes::text, ',' order by p.proname, p.proargtypes::text)
           from pg_catalog.pg_proc p
           join pg_catalog.pg_namespace n on n.oid = p.pronamespace
          where n.nspname in ('pgq', 'pgq_ext')),
        (select string_agg(r.rolname, ',' order by r.rolname)
           from pg_catalog.pg_roles r
          where r.rolname in ('pgq_reader', 'pgq_writer', 'pgq_admin'))))`;

/** A statement that writes the mark. */
export const markSql = (mark: string): string => `do $mark$
begin
    execute format('comment on function pgq.version() is %L', ${literal(`${mark}; `)} || ${STATE});
end
$mark$`;

/** An SQL expression over a mark as it was written: the mark, or null where it is void. */
export const validMarkSql = (written: string): string =>
  `(select split_part(w.mark, '; ', 1) from (select ${written} as mark) w where split_part(w.mark, '; ', 2) = ${STATE})`;
