// The mark on an installed engine: of which files it is, and what was there then. A function that was dropped since, or a role
// that came since, makes it void, so that the next install applies the files again.
import { literal } from '../../postgres/quote.ts';

/** Which functions and which roles of PgQ there are. */
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

/** An expression over a mark as it was written: the mark, or null where it is void. */
export const validMarkSql = (written: string): string =>
  `(select split_part(w.mark, '; ', 1) from (select ${written} as mark) w where split_part(w.mark, '; ', 2) = ${STATE})`;
