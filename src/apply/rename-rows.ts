// Gives the rows of a shard its new name in the tables of central that its changes are applied to, in the transaction that renames it.
//
// Invariant: no change under the old name is applied behind it: none waits, none can come late, and what movers have under way is
// refused. So nobody has to be kept waiting but the shard itself, however many rows there are.
// Fails by: throwing; then nothing is renamed.
import type { Config } from '../config/config.ts';
import { shellWord } from '../errors/shell-word.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection } from '../postgres/connection.ts';
import { identifier } from '../postgres/quote.ts';
import { groupName } from '../queue/names.ts';
import { tableSql, unfit } from './target.ts';

export interface RenamedRows {
  /** On central, `schema.table`. */
  readonly table: string;
  readonly rows: number;
}

interface NamedTable {
  readonly table: string;
  /** The column that has the name of the shard. */
  readonly shard: string;
}

/** The tables whose rows have names of shards, each once. */
export function namedTables({ queues }: Pick<Config, 'queues'>): readonly NamedTable[] {
  const tables = new Map<string, NamedTable>();
  for (const { apply = [] } of queues)
    for (const { table, shard } of apply) tables.set(`${table} ${shard}`, { table, shard });
  return [...tables.values()];
}

/** Called when the shard has its new name already. @throws TributaryError where changes of it are not applied yet. */
export async function renameRows(
  central: Connection,
  config: Pick<Config, 'name' | 'queues'>,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<RenamedRows[]> {
  const queues = config.queues.filter(({ apply }) => apply !== undefined);
  if (queues.length === 0) return [];
  const inTheWay = await central.query<{ queue: string; what: 'waiting' | 'late' }>(
    'select queue, what from tributary.apply_rename($1, $2, $3, $4, $5)',
    [...[from, to, queues.map(({ name }) => name), queues.map(({ origin }) => origin)], groupName(config)],
    LONG,
  );
  const [first] = inTheWay;
  if (first?.what === 'waiting')
    throw unfit(
      `Queue ${first.queue} has changes of shard ${from} that are not applied yet.`,
      `Run \`tributary pause --shard ${shellWord(from)}\`, and this again when they are applied; at the end \`tributary resume --shard ${shellWord(to)}\`.`,
    );
  if (first !== undefined)
    throw unfit(
      `Queue ${first.queue} has changes of shard ${from} that failed, and would come later under its old name.`,
      `See \`tributary dead list --queue ${first.queue}\`: retry or discard them, and run this again.`,
    );
  return await renameIn(central, await existing(central, namedTables(config)), { from, to });
}

const LONG = { timeoutMs: TIMING.commands.copyPieceMs };

async function existing(central: Connection, tables: readonly NamedTable[]): Promise<NamedTable[]> {
  const rows = await central.query<{ is: boolean }>(
    'select pg_catalog.to_regclass(x.name) is not null as is from unnest($1::text[]) with ordinality x (name, n) order by x.n',
    [tables.map(({ table }) => tableSql(table))],
  );
  return tables.filter((_, at) => rows[at]?.is === true);
}

/** In one statement: tables may refer to each other by keys that have the shard in them, and those are checked at its end. */
async function renameIn(
  central: Connection,
  tables: readonly NamedTable[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<RenamedRows[]> {
  if (tables.length === 0) return [];
  await central.query("set local statement_timeout = '0'");
  const updates = tables.map(
    ({ table, shard }, at) =>
      `t${at} as (update ${tableSql(table)} set ${identifier(shard)} = $1 where ${identifier(shard)} = $2 returning 1)`,
  );
  const counts = tables.map((_, at) => `(select count(*) from t${at}) as n${at}`);
  const [row] = await central.query<Record<string, number>>(
    `with ${updates.join(', ')} select ${counts.join(', ')}`,
    [to, from],
    LONG,
  );
  return tables.map(({ table }, at) => ({ table, rows: Number(row?.[`n${at}`] ?? 0) }));
}
