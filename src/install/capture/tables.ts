// Reads the tables of one shard that captures are about: one message, catalogs only.
import type { Capture, TablePattern } from '../../config/capture.ts';
import type { Config, Shard } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import { fill, sqlFile } from '../../postgres/sql-file.ts';
import type { ColumnFact } from './note.ts';

const CAPTURE = sqlFile('capture', 'tables.sql');

/** A trigger of this installation. */
export interface TriggerFact {
  readonly name: string;
  /** `jsontriga` or `logutriga`. */
  readonly function: string;
  readonly schema: string;
  /** In hex, each ended by a zero. */
  readonly arguments: string;
  /** As PostgreSQL has it: O, A (always), R (only for replication), D. */
  readonly enabled: string;
  readonly note: string | null;
  /** Partitions on which it is disabled. */
  readonly disabledOn: readonly string[] | null;
}

export interface TableFact {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  /** As PostgreSQL has it: r, p (with partitions), v, m, f. */
  readonly kind: string;
  readonly owner: string;
  readonly mayOwn: boolean;
  /** Of `patternsOf`, those that it matches. */
  readonly patterns: readonly number[];
  readonly triggers: readonly TriggerFact[];
  /** The tables that it is a partition of. */
  readonly ancestors: readonly number[];
  /** Tables that inherit from it and are no partitions. */
  readonly children: readonly number[];
  /** Its partitions, and whether each was attached after it was made. */
  readonly parts: readonly (readonly [name: string, isAttached: boolean])[];
  readonly columns: readonly ColumnFact[];
  readonly key: readonly string[];
  /** Of a unique index. */
  readonly uniqueColumns: readonly string[];
  /** Change triggers that are not ours: name and queue. */
  readonly others: readonly (readonly [name: string, queue: string])[];
  /** Roles that may write to it and could not put an event into a queue. */
  readonly unable: readonly string[];
}

export interface CaptureFacts {
  readonly tables: readonly TableFact[];
  /** The triggers that PgQ has there; both where there is no PgQ yet. */
  readonly functions: { readonly json: boolean; readonly url: boolean };
  /** The role whose members may put events into queues; undefined: it is not there. */
  readonly writerRole: string | undefined;
  readonly mayGrantWriter: boolean;
}

/** All patterns of the file, each with its capture; facts name them by their place here. */
export const patternsOf = ({
  captures = [],
}: Pick<Config, 'captures'>): { readonly capture: Capture; readonly pattern: TablePattern }[] =>
  captures.flatMap((capture) => capture.tables.map((pattern) => ({ capture, pattern })));

/** What the names of our triggers begin with. */
export const triggerPrefix = (installation: string): string => `tributary:${installation}:`;

export async function readTables(
  connection: Connection,
  config: Pick<Config, 'name' | 'captures'>,
  { schema }: Pick<Shard, 'schema'>,
): Promise<CaptureFacts> {
  const request = patternsOf(config).map(({ pattern }, n) => ({
    n,
    schema: pattern.schema,
    table: pattern.table,
  }));
  const writer = `${schema}_writer`;
  const insert = `to_regprocedure('${schema}.insert_event(text, text, text, text, text, text, text)')`;
  const [rows = [], about] = await connection.script(`${fill(CAPTURE, {
    request: literal(JSON.stringify(request)),
    prefix: literal(triggerPrefix(config.name)),
    function: insert,
  })};
select to_regnamespace('${schema}') is null as is_bare, to_regprocedure('${schema}.jsontriga()') is not null as has_json,
    to_regprocedure('${schema}.logutriga()') is not null as has_url, to_regrole('${writer}') is not null as has_writer,
    current_setting('server_version_num')::int < 160000 and r.rolcreaterole or r.rolsuper
        or coalesce(pg_has_role(to_regrole('${writer}'), 'member with admin option'), false) as may_grant
from pg_roles r where r.rolname = current_user`);
  const [server] = about ?? [];
  const isBare = server?.is_bare === true;
  return {
    tables: rows.map(tableOf),
    functions: { json: isBare || server?.has_json === true, url: isBare || server?.has_url === true },
    writerRole: server?.has_writer === true || isBare ? writer : undefined,
    mayGrantWriter: server?.may_grant === true,
  };
}

/** The statement names the keys of its lists as the types do. */
function tableOf(row: Readonly<Record<string, unknown>>): TableFact {
  const list = <T>(value: unknown) => (value ?? []) as readonly T[];
  return {
    id: Number(row.id),
    schema: String(row.schema),
    name: String(row.name),
    kind: String(row.kind),
    owner: String(row.owner),
    mayOwn: row.may_own === true,
    patterns: list(row.patterns),
    triggers: list(row.triggers),
    ancestors: list(row.ancestors),
    children: list(row.children),
    parts: list(row.parts),
    columns: list(row.columns),
    key: list(row.key),
    uniqueColumns: list(row.unique_columns),
    others: list<[string, string]>(row.others).map(([name, queue]) => [
      name,
      Buffer.from(queue, 'hex').toString(),
    ]),
    unable: list(row.unable),
  };
}
