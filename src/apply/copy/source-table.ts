// A table on a shard that is copied or compared: its columns, its key, and whether its changes are captured.
import type { Connection } from '../../postgres/connection.ts';
import { identifier } from '../../postgres/quote.ts';
import { type Target, tableSql, unfit } from '../target.ts';

export interface SourceColumn {
  readonly name: string;
  readonly type: string;
}

export interface SourceTable {
  readonly shard: string;
  /** `schema.name`, and quoted. */
  readonly name: string;
  readonly sql: string;
  readonly columns: readonly SourceColumn[];
  /** The columns of the key in the order of a unique index on them; undefined: there is none, and the table is read at once. */
  readonly keyOrder: readonly SourceColumn[] | undefined;
  /** Queues into which a trigger puts every insert, update and delete. */
  readonly capturedInto: readonly string[];
}

interface FoundTable {
  name: string;
  columns: SourceColumn[];
  keys: string[][];
  captured: string[];
}

/** Triggers of PgQ with the queue that is their first argument, as far as they are enabled and see every row. */
const CAPTURED = `select array_agg(c.queue) from (
    select split_part(encode(t.tgargs, 'escape'), E'\\\\000', 1) as queue, bit_or(t.tgtype::int) as events
    from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = r.oid and p.proname in ('jsontriga', 'logutriga') and t.tgenabled in ('O', 'A') and t.tgtype::int & 1 = 1
      and t.tgnargs > 0 and t.tgqual is null
    group by 1) c where c.events & 28 = 28`;

const TABLES = `select n.nspname || '.' || r.relname as name,
    (select json_agg(json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, -1)) order by a.attnum)
     from pg_catalog.pg_attribute a where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped) as columns,
    coalesce((select json_agg(k.names) from pg_catalog.pg_index i cross join lateral (
       select json_agg(a.attname order by u.n) as names, count(*) as columns
       from unnest(i.indkey::int2[]) with ordinality u (attnum, n)
       join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum and a.attnotnull
       where u.n <= i.indnkeyatts) k
     where i.indrelid = r.oid and i.indisunique and i.indisvalid and i.indpred is null and k.columns = i.indnkeyatts), '[]') as keys,
    coalesce((${CAPTURED}), '{}') as captured
  from pg_catalog.pg_class r join pg_catalog.pg_namespace n on n.oid = r.relnamespace
  where n.nspname || '.' || r.relname like $1 and r.relkind = any ($2)
  order by 1`;

/** The tables that the file means by `source`; parts of a partitioned table only by a pattern. @throws where there is none. */
export async function sourceTables(
  connection: Connection,
  target: Target,
  shard: string,
): Promise<SourceTable[]> {
  const { source } = target;
  const isPattern = source.includes('*');
  const pattern = source.replace(/[\\%_]/g, '\\$&').replaceAll('*', '%');
  const rows = await connection.query<FoundTable>(TABLES, [pattern, isPattern ? ['r'] : ['r', 'p']]);
  if (rows.length === 0)
    throw unfit(
      `Shard ${shard} has no table ${source} that this role can see.`,
      'Create it, correct `source:` of `apply`, or leave the shard out by --shard.',
    );
  return rows.map((row) => sourceTable(row, target, shard));
}

function sourceTable(
  { name, columns, keys, captured }: FoundTable,
  target: Target,
  shard: string,
): SourceTable {
  const byName = new Map(columns.map((column) => [column.name, column]));
  const own = target.ownKey.map((column) => column.name);
  const missing = own.find((column) => !byName.has(column));
  if (missing !== undefined)
    throw unfit(
      `Table ${name} of shard ${shard} has no column ${missing}, which is a part of the key of ${target.table}.`,
      'Correct `key:` of `apply`.',
    );
  const index = keys.find((key) => key.length === own.length && own.every((column) => key.includes(column)));
  return {
    ...{ shard, name, sql: tableSql(name), columns, capturedInto: captured },
    keyOrder: index?.map((column) => byName.get(column) as SourceColumn),
  };
}

/** The columns that both have and the file does not leave out; those that central computes are not among them. */
export function sharedColumns(table: SourceTable, target: Target): SourceColumn[] {
  return table.columns.filter(({ name }) => {
    if (target.ignore.includes(name)) return false;
    const column = target.columns.get(name);
    if (column === undefined || name === target.shard)
      throw unfit(
        `Table ${table.name} of shard ${table.shard} has a column ${name} that ${column === undefined ? `table ${target.table} of central does not have` : `is the shard's in ${target.table} of central`}.`,
        column === undefined
          ? `Run \`alter table ${target.sql} add column …\` on central, or leave it out by \`ignore: [${name}]\` of \`apply\`.`
          : 'Name another column by `shard:` of `apply`.',
      );
    return !column.isGenerated;
  });
}

export const namesSql = (columns: readonly SourceColumn[], prefix = ''): string =>
  columns.map(({ name }) => `${prefix}${identifier(name)}`).join(', ');

/** So that one value has one text on every server. */
export const ONE_SPELLING = `set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local timezone = 'UTC';
  set local bytea_output = 'hex'; set local extra_float_digits = 1; set local xmloption = 'content'`;
