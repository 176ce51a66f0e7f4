// What the commands of a shard need first: central, who we are there, and the shard's database.
import { CentralLink } from '../../../central/central-link.ts';
import { readIdentity } from '../../../central/identity.ts';
import type { Config, Shard } from '../../../config/config.ts';
import { sentenceFor } from '../../../errors/sentence.ts';
import { kindOf } from '../../../errors/sqlstate.ts';
import { consumerName } from '../../../queue/names.ts';
import { openSide, type ShardSide } from '../../../succession/side.ts';
import { EXIT, Exit } from '../../exit.ts';

/**
 * Opens central, calls `work` with our consumer's name on the shards, and closes it however it ends. A database that goes away in the
 * middle is named: each step of these commands may be done again.
 */
export async function withCentral<T>(
  config: Config,
  work: (link: CentralLink, consumer: string) => Promise<T>,
): Promise<T> {
  const link = new CentralLink(config, 'shard');
  try {
    const { id } = await readIdentity(link, config.name);
    return await work(link, consumerName(config.name, id));
  } catch (error) {
    if (error instanceof Exit || kindOf(error) !== 'retryable') throw error;
    const sentence = sentenceFor(error, 'A database');
    throw new Exit(EXIT.failed, `${sentence} Run this again: it goes on where it ended.`);
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
