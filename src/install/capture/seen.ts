// Whether all that a file captures is captured on a shard, as a mover sees it: so that `doctor` need not ask each shard itself.
import { createHash } from 'node:crypto';
import type { Config, Shard } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { judgeTables } from './judge.ts';
import { readTables } from './tables.ts';

type OfFile = Pick<Config, 'name' | 'captures'>;

/** Names the captures of a file: what one with others says of a shard is no answer. Undefined: it has none. */
export const capturesId = ({ name, captures }: OfFile): string | undefined =>
  captures === undefined
    ? undefined
    : createHash('sha256')
        .update(JSON.stringify([name, captures]))
        .digest('hex')
        .slice(0, 16);

/**
 * Catalogs only, over a connection that is used for more; waits for no lock for long.
 * @returns the id of the captures where all tables are captured as the file says; undefined: not so, or it cannot be seen now.
 */
export async function seeCaptures(
  connection: Connection,
  config: OfFile,
  shard: Pick<Shard, 'schema'>,
): Promise<string | undefined> {
  const id = capturesId(config);
  if (id === undefined) return undefined;
  try {
    await connection.script(
      "begin read only; set local lock_timeout = '500ms'; set local statement_timeout = '5s'; set local jit = off",
    );
    const tables = judgeTables(config, shard, await readTables(connection, config, shard));
    await connection.script('commit');
    return tables.every(({ state }) => state === 'captured') ? id : undefined;
  } catch (error) {
    if (connection.failed) throw error;
    // Somebody changes one of the tables at this moment: `doctor` asks itself.
    await connection.script('rollback');
    return undefined;
  }
}
