// Checks the file's expressions on a shard: the server parses each alone, over its queue's event table.
import type { Config, Shard } from '../../config/config.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import type { Connection } from '../../postgres/connection.ts';
import { bracketed } from '../../shards/window.ts';
import type { QueueFacts } from '../facts/queues.ts';
import { placeOfShard } from '../plan/shard-plan.ts';

/** @returns a sentence for each expression that the shard refuses. */
export async function refusedExpressions(
  connection: Connection,
  shard: Shard,
  { config, queues }: { readonly config: Config; readonly queues: QueueFacts },
): Promise<string[]> {
  const refused: string[] = [];
  for (const { from, name, where, columns } of config.queues) {
    const expressions = [
      ...(where === undefined
        ? []
        : [{ key: 'where', sql: (table: string) => `select from ${table} where ${bracketed(where)}` }]),
      ...Object.entries(columns).map(([column, expression]) => ({
        key: `columns.${column}`,
        sql: (table: string) => `select ${bracketed(expression)}::text from ${table}`,
      })),
    ];
    for (const queue of from) {
      const table = queues.wanted.get(queue)?.table;
      if (table === undefined) continue;
      for (const { key, sql } of expressions) {
        const why = await refusal(connection, `${sql(table)} limit 0`);
        if (why !== undefined)
          refused.push(
            `${placeOfShard(shard)}: \`${key}\` of queue ${name} is refused over queue ${queue}: ${why}. Correct it in the file.`,
          );
      }
    }
  }
  return refused;
}

/** Reads nothing, by `limit 0`. */
async function refusal(connection: Connection, sql: string): Promise<string | undefined> {
  try {
    await connection.query(sql);
    return undefined;
  } catch (error) {
    // Of the expression are errors of syntax and names, and of what is worked out before any row.
    if (
      !['42', '22', '0A', '54'].includes(sqlstateOf(error)?.slice(0, 2) ?? '') ||
      sqlstateOf(error) === '42501'
    )
      throw error;
    return (error as Error).message;
  }
}
