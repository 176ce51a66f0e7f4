// One shard as a command sees it: its sources in central, its database, and our name there.
import type { CentralLink } from '../central/central-link.ts';
import { readSources, type StoredSource } from '../central/positions.ts';
import type { Shard } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { Connection } from '../postgres/connection.ts';
import { type QueueOnShard, resolveQueues } from '../shards/queue-on-shard.ts';

export interface ShardSide {
  readonly shard: Shard;
  readonly connection: Connection;
  /** Those that exist, by name. */
  readonly queues: ReadonlyMap<string, QueueOnShard>;
  /** Our name as a consumer. */
  readonly consumer: string;
}

/** A source with what is needed to look at it. */
export interface SeenSource {
  readonly stored: StoredSource;
  readonly queue: QueueOnShard;
}

export interface SideOptions {
  readonly consumer: string;
  /** Queues of its sources. */
  readonly queues: readonly string[];
}

/** @throws where the database cannot be reached. */
export async function openSide(shard: Shard, { consumer, queues }: SideOptions): Promise<ShardSide> {
  // Later as well: a command has several databases at hand, and one that goes away in the middle is to be named.
  const owner = `Shard ${shard.name} (${shard.displayUrl})`;
  try {
    const connection = await Connection.open(shard, { applicationName: 'tributary shard', owner });
    return { shard, connection, consumer, queues: await resolveQueues(connection, shard.schema, queues) };
  } catch (error) {
    throw refusal(sentenceFor(error, owner));
  }
}

/** The sources of a shard now, those of some queues only where they are named. */
export async function sourcesNow(
  link: Pick<CentralLink, 'use'>,
  shard: string,
  only?: ReadonlySet<string>,
): Promise<StoredSource[]> {
  const all = await link.use((central) => readSources(central, [shard]));
  return all.filter(({ queue }) => only?.has(queue) !== false);
}

/** @throws where a queue is not there any more, or a source has no position. */
export function seen(side: ShardSide, sources: readonly StoredSource[]): SeenSource[] {
  return sources.map((stored) => {
    const queue = side.queues.get(stored.queue);
    if (queue === undefined)
      throw refusal(
        `Queue ${stored.queue} does not exist on shard ${side.shard.name}, so it cannot be seen whether all of it is in central.`,
        'Where it is gone for good, say --gone.',
      );
    return { stored, queue };
  });
}

/** Nothing was done, and why. */
export function refusal(what: string, remedy?: string): TributaryError {
  return new TributaryError(what, {
    code: 'fleet',
    kind: 'halting',
    ...(remedy === undefined ? {} : { remedy }),
  });
}
