// The proof of queues that several routes feed: each route is proven for itself, by the events that it takes.
import type { Config } from '../../../src/config/config.ts';
import { compare, holds, readCentralEvents, readShardEvents } from '../../../src/proof/origins.ts';
import { readingsApart, readingsOf } from '../../../src/shards/window.ts';
import type { Cluster } from '../installation/installation.ts';
import { describeProof } from './describe-proof.ts';

/** @throws where a central queue does not have just those events, each once and in order, that its routes take. */
export async function provenByRoute({
  cluster,
  config,
}: {
  readonly cluster: Cluster;
  readonly config: Config;
}): Promise<void> {
  const central = await cluster.central.connect();
  try {
    for (const queue of config.queues) {
      const proof = compare(await eventsFor(queue.name, { cluster, config }), [
        ...(await readCentralEvents(central, { queue: queue.name })),
      ]);
      if (!holds(proof)) throw new Error(`${queue.name}: ${describeProof(proof)}`);
    }
  } finally {
    await central.close();
  }
}

/** The events on all shards that should be in a central queue. */
async function eventsFor(
  queue: string,
  { cluster, config }: { readonly cluster: Cluster; readonly config: Config },
) {
  const all = await Promise.all(
    cluster.shards.map(async (database, at) => {
      const connection = await database.connect();
      const shard = config.shards[at] as Config['shards'][number];
      const rows = [];
      for (const { reading, central } of readingsOf(config, shard).values())
        for (const route of readingsApart(reading, central.name)) {
          if (route.central !== queue) continue;
          const { where, deliverAt } = route;
          const { schema } = shard;
          const options = { shard: shard.name, queue: route.queue, schema, where, deliverAt };
          rows.push(...(await readShardEvents(connection, options)));
        }
      await connection.close();
      return rows;
    }),
  );
  return all.flat();
}
