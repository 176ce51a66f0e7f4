// A connection to the shard of a spool, with the table of places in it.
import type { Database } from '../config/config.ts';
import { sqlstateOf } from '../errors/sqlstate.ts';
import { packagePath } from '../lifecycle/package-root.ts';
import { Connection } from '../postgres/connection.ts';
import type { PgqSchema } from '../queue/provider.ts';
import { spoolMistake } from './mistakes.ts';
import { hasPlaces, makePlaces, PLACE_FILE } from './place.ts';

/** Where a spool is delivered to. */
export interface SpoolShard extends Database {
  /** As sentences begin: `Shard app_017`. */
  readonly name: string;
  readonly schema: PgqSchema;
}

const APPLICATION = 'tributary spool';

/** @throws where the table is not there and cannot be made. */
export async function openWithPlaces(shard: SpoolShard, signal: AbortSignal): Promise<Connection> {
  const connection = await Connection.open(shard, {
    applicationName: APPLICATION,
    owner: shard.name,
    signal,
  });
  try {
    if (!(await hasPlaces(connection))) await makeAs(shard, signal);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function makeAs(shard: SpoolShard, signal: AbortSignal): Promise<void> {
  const asAdmin = shard.admin !== undefined;
  const admin = await Connection.open(shard, { applicationName: APPLICATION, asAdmin, signal });
  try {
    await makePlaces(admin);
  } catch (error) {
    if (sqlstateOf(error) !== '42501') throw error;
    throw spoolMistake(
      `${shard.name} has no table that notes what spools delivered, and this role may not make it.`,
      `Let the owner of the database run ${packagePath(PLACE_FILE)} once, or give the shard an \`admin\` in the file.`,
      error,
    );
  } finally {
    await admin.close();
  }
}
