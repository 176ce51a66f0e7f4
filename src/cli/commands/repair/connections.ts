// The two connections of a repair: to central and to the shard.
import type { Config, Database, Shard } from '../../../config/config.ts';
import { placeKey } from '../../../config/sections/place.ts';
import { sentenceFor } from '../../../errors/sentence.ts';
import type { RepairConnections } from '../../../mover/repair/repair-look.ts';
import { Connection } from '../../../postgres/connection.ts';
import { EXIT, Exit } from '../../exit.ts';

/** Opens both, calls `work`, and closes them however it ends. */
export async function withConnections(
  { config, shard: where }: { readonly config: Config; readonly shard: Shard },
  work: (connections: RepairConnections) => Promise<void>,
): Promise<void> {
  const central = await opened(config.central, 'Central');
  try {
    const shard = await opened(where, `Shard ${where.name}`);
    try {
      await work({ central, shard });
    } finally {
      await shard.close();
    }
  } finally {
    await central.close();
  }
}

async function opened(database: Database, label: string): Promise<Connection> {
  try {
    return await Connection.open(database, { applicationName: 'tributary repair' });
  } catch (error) {
    throw new Exit(EXIT.failed, sentenceFor(error, `${label} (${placeKey(database)})`));
  }
}
