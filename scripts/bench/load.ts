// Producers at a steady rate: every event carries its transaction, so that the server can tell when it was committed.

import type { Config } from '../../dist/config/config.js';
import { Connection } from '../../dist/postgres/connection.js';

export interface LoadOptions {
  readonly queues: readonly string[];
  /** Events a second over all databases and queues. */
  readonly rate: number;
  readonly seconds: number;
  /** Called before the producers' connections close, while the processor time of their backends can still be read. */
  readonly atEnd?: () => Promise<void>;
}

/** @returns how many events were committed. */
export async function produce(
  config: Config,
  { queues, rate, seconds, atEnd }: LoadOptions,
): Promise<number> {
  const connections = await Promise.all(
    config.shards.map((shard) => Connection.open(shard, { applicationName: 'bench load' })),
  );
  const endMs = performance.now() + seconds * 1000;
  const everyMs = (1000 * connections.length) / rate;
  const lane = async (connection: Connection, at: number): Promise<number> => {
    let count = 0;
    // Lanes begin spread over one interval.
    for (
      let dueMs = performance.now() + (everyMs * at) / connections.length;
      dueMs < endMs;
      dueMs += everyMs
    ) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const queue = queues[(count + at) % queues.length] as string;
      // Prepared once, as the driver of an application does it.
      await connection.client.query({
        name: 'insert_event',
        text: 'select pgq.insert_event($1, $2, $3, pg_current_xact_id()::text, null, null, null)',
        values: [queue, 'bench', 'x'.repeat(114)],
      });
      count += 1;
    }
    return count;
  };
  const counts = await Promise.all(connections.map(lane));
  await atEnd?.();
  await Promise.all(connections.map((connection) => connection.close()));
  return counts.reduce((sum, count) => sum + count, 0);
}
