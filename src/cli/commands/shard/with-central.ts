// What the commands of a shard need first: central, who we are there, and the shard's database.
import { CentralLink } from '../../../central/central-link.ts';
import { readIdentity } from '../../../central/identity.ts';
import type { Config, Shard } from '../../../config/config.ts';
import { consumerName } from '../../../queue/names.ts';
import { openSide, type ShardSide } from '../../../succession/side.ts';

/** Opens central, calls `work` with our consumer's name on the shards, and closes it however it ends. */
export async function withCentral<T>(
  config: Config,
  work: (link: CentralLink, consumer: string) => Promise<T>,
): Promise<T> {
  const link = new CentralLink(config, 'shard');
  try {
    const { id } = await readIdentity(link, config.name);
    return await work(link, consumerName(config.name, id));
  } finally {
    await link.close();
  }
}

/** The same with the shard's database. */
export async function withSide(
  config: Config,
  shard: Shard,
  work: (side: ShardSide, link: CentralLink) => Promise<void>,
): Promise<void> {
  await withCentral(config, async (link, consumer) => {
    const queues = config.queues.flatMap(({ from }) => from);
    const side = await openSide(shard, { consumer, queues });
    try {
      await work(side, link);
    } finally {
      await side.connection.close();
    }
  });
}
