// What a retirement, a split and a merge are: some shards end, others begin behind them, some go on as they are.

import type { CentralLink } from '../central/central-link.ts';
import { readHistory } from '../central/history.ts';
import type { Fingerprint } from '../central/position.ts';
import { type RetiredSource, readRetired } from '../central/succession/retired.ts';
import type { Config, Shard } from '../config/config.ts';
import { feedsOf } from '../config/feeds.ts';
import { shellWord } from '../errors/shell-word.ts';
import { counted } from '../errors/words.ts';
import { APPLICATION } from '../install/install.ts';
import { contextOf, surveyCentral, surveyShard } from '../install/survey.ts';
import { Connection } from '../postgres/connection.ts';
import { countEvents, newestTicks } from '../shards/end-of-queue.ts';
import { resolveQueues } from '../shards/queue-on-shard.ts';
import type { CopiedSource } from './ending.ts';
import { refusal, type ShardSide, sourcesNow } from './side.ts';
import { commonTick } from './ticks.ts';

/** A shard that ends, as it was found. */
export interface OldShard {
  readonly name: string;
  readonly sources: number;
  readonly moved: number;
  /** Of sources that have ended already: an earlier run came this far, or none. */
  readonly retired: readonly RetiredSource[];
}

/** A shard that begins. */
export interface NewShard {
  readonly shard: Shard;
  /** Has sources already: it goes on as it is. */
  readonly isThere: boolean;
  /** Where the copies of its queues begin; empty: it is no copy. */
  readonly copies: readonly CopiedSource[];
  /** Events that wait in it, as far as they are counted. */
  readonly waiting: number;
}

/** What central has of a shard that is to end. @throws where it knows no shard of that name. */
export async function findOld(
  link: CentralLink,
  name: string,
  only?: ReadonlySet<string>,
): Promise<OldShard> {
  const sources = await sourcesNow(link, name, only);
  const retired = (await link.use((central) => readRetired(central, [name]))).filter(
    ({ queue }) => only?.has(queue) !== false,
  );
  return {
    name,
    sources: sources.length,
    moved: sources.reduce((sum, { moved }) => sum + moved, 0),
    // Those that live have begun anew since.
    retired: retired.filter(({ queue }) => !sources.some((one) => one.queue === queue)),
  };
}

export interface NewOptions {
  readonly config: Config;
  readonly link: CentralLink;
  /** Those that end, or go on, and can be looked at. */
  readonly sides: readonly ShardSide[];
  /** Those that cannot. */
  readonly gone: readonly string[];
}

/** Looks at a shard that shall begin, before anything ends. @throws where it is not fit, or a copy that would lose or double events. */
export async function findNew(shard: Shard, options: NewOptions): Promise<NewShard> {
  const { config, link } = options;
  if ((await sourcesNow(link, shard.name)).length > 0)
    return { shard, isThere: true, copies: [], waiting: 0 };
  const connection = await Connection.open(shard, APPLICATION);
  try {
    const central = await Connection.open(config.central, APPLICATION);
    try {
      const begun = beginning(shard);
      const context = contextOf(central, config, await surveyCentral(central, config));
      const { plan } = await surveyShard(connection, begun, context);
      const [mistake] = plan.mistakes;
      if (mistake !== undefined) throw refusal(mistake, 'Nothing was changed.');
    } finally {
      await central.close();
    }
    const feeds = feedsOf(config);
    const names = feeds.map((feed) => feed.queue);
    const queues = await resolveQueues(connection, shard.schema, names);
    const copies: CopiedSource[] = [];
    let waiting = 0;
    for (const { queue: name, mode, to } of feeds) {
      const queue = queues.get(name);
      if (queue === undefined) continue;
      const ticks = await newestTicks(connection, queue, shard);
      const routes = mode === undefined ? undefined : to.map((central) => central.name);
      const copy = await copied({ shard, queue: name, centralQueue: to[0].name, routes, ticks }, options);
      if (copy !== undefined) copies.push(copy);
      const behind = await countEvents(connection, queue, { schema: shard.schema, from: copy?.tick.id });
      waiting += behind?.count ?? 0;
    }
    return { shard, isThere: false, copies, waiting };
  } finally {
    await connection.close();
  }
}

/** The file's entry, with all that is in its queues: whatever is there came after the shards before it. */
export const beginning = (shard: Shard): Shard => ({ ...shard, start: shard.start ?? { at: 'oldest' } });

interface NewQueue {
  readonly shard: Shard;
  readonly queue: string;
  readonly centralQueue: string;
  readonly routes: readonly string[] | undefined;
  readonly ticks: readonly Fingerprint[];
}

/** @returns where the queue begins, if it was copied from that of a shard that ends. */
async function copied(
  { shard, queue, centralQueue, routes, ticks }: NewQueue,
  { link, sides, gone }: NewOptions,
): Promise<CopiedSource | undefined> {
  const found: CopiedSource[] = [];
  for (const side of sides) {
    const theirs = side.queues.get(queue);
    if (theirs === undefined || side.shard.name === shard.name) continue;
    const tick = commonTick(ticks, await newestTicks(side.connection, theirs, side.shard));
    if (tick === undefined) continue;
    const behind = await countEvents(side.connection, theirs, { ...side.shard, from: tick.id });
    if (behind === undefined || behind.count > 0)
      throw refusal(
        `Shard ${shard.name} was copied from ${side.shard.name} when that had not come to its end: ${counted(behind?.count ?? 0, 'event')} of ${queue} came later (after tick ${tick.id}), so some would be lost or come twice.`,
        `Nothing was changed. Stop the producers of ${side.shard.name}, run \`tributary shard drain ${shellWord(side.shard.name)}\` and copy it then; or let ${shard.name} begin with new queues.`,
      );
    found.push({ shard: shard.name, queue, centralQueue, routes, tick, copyOf: side.shard.name });
  }
  for (const name of gone) {
    const source = (await sourcesNow(link, name)).find((one) => one.queue === queue);
    if (source === undefined) continue;
    const history = await link.use((central) => readHistory(central, source.id));
    const tick = commonTick(ticks, history);
    if (tick === undefined) continue;
    if (tick.id !== history[0]?.id)
      throw refusal(
        `Shard ${shard.name} is a copy of ${name} from before tick ${history[0]?.id}, up to which central has ${queue}: events between would come twice.`,
        'Nothing was changed. Let it begin with new queues.',
      );
    found.push({ shard: shard.name, queue, centralQueue, routes, tick, copyOf: name });
  }
  if (found.length > 1)
    throw refusal(
      `Queue ${queue} of shard ${shard.name} has ticks of ${found.map(({ copyOf }) => copyOf).join(' and ')}, so it cannot be told where it begins.`,
      'Nothing was changed. Let it begin with new queues.',
    );
  return found[0];
}
