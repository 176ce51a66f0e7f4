// Asks a query of the file for its rows, over a connection of its own that is closed behind it.
//
// Invariant: the query cannot write, and a sentence about its failure has nothing of the URLs in its rows.
import type { Config, ShardQuery } from '../config/config.ts';
import { type ShardRow, wrongColumns } from '../config/sections/queried-shards.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Connection } from '../postgres/connection.ts';

/** More rows than this are taken for a mistake, such as a join that lacks its condition. */
const MOST_ROWS = 10_000;

/** @throws TributaryError with a sentence that names the query's place in the file. */
export async function askQuery(query: ShardQuery, { name }: Pick<Config, 'name'>): Promise<ShardRow[]> {
  try {
    const connection = await Connection.open(query.on, { applicationName: `tributary shards ${name}` });
    try {
      const rows = await rowsOf(connection, query.sql);
      const [first] = rows;
      const wrong = first === undefined ? undefined : wrongColumns(query, Object.keys(first));
      if (wrong !== undefined) throw refused(wrong);
      if (rows.length > MOST_ROWS)
        throw refused(
          `The query of ${query.place} gives ${rows.length} rows, and more than ${MOST_ROWS} shards are taken for a mistake.`,
        );
      return rows;
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (error instanceof TributaryError && error.code === 'shard-query') throw error;
    throw refused(withoutSecrets(sentenceFor(error, `The query of ${query.place}`)), error);
  }
}

async function rowsOf(connection: Connection, sql: string): Promise<ShardRow[]> {
  const timeoutMs = TIMING.fleet.queryMs;
  await connection.script('begin transaction read only', { timeoutMs });
  // One statement with parameters, of which there are none: several in one text are refused by the server.
  const rows = await connection.query<ShardRow>(sql, [], { timeoutMs });
  await connection.script('rollback', { timeoutMs });
  return rows;
}

const refused = (sentence: string, cause?: unknown) =>
  new TributaryError(sentence, {
    code: 'shard-query',
    kind: 'retryable',
    ...(cause !== undefined && { cause }),
  });

/** A message of PostgreSQL may quote a value of a row. */
const withoutSecrets = (sentence: string): string =>
  sentence.replace(/\/\/[^\s]*@/g, '//…@').replace(/(password\s*=\s*)[^&\s'"]+/gi, '$1…');
