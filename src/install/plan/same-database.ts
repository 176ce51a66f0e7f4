// Finds a database that the file names twice: as two shards, or as a shard and as central. Its events would be moved twice, or
// round in a circle. Pure.
import type { Config, Shard } from '../../config/config.ts';
import { placeOf } from '../facts/database.ts';
import { wantedSources } from '../facts/sources.ts';
import { placeOfShard } from './shard-plan.ts';

export interface ReachedShard {
  readonly shard: Shard;
  /** Equal for two ways to one database; see facts/database.ts. */
  readonly identity: string;
}

export interface MixUps {
  /** By shard. */
  readonly mistakes: ReadonlyMap<string, string>;
  readonly warnings: ReadonlyMap<string, string>;
}

/** @param options.centralIdentity undefined: central could not be reached */
export function findMixUps(
  config: Config,
  {
    reached,
    centralIdentity,
  }: {
    readonly reached: readonly ReachedShard[];
    readonly centralIdentity: string | undefined;
  },
): MixUps {
  const mistakes = new Map(findTwins(reached));
  const warnings = new Map<string, string>();
  const centralQueues = new Set(config.queues.map(({ name }) => name));
  const loop = wantedSources(config).find(({ queue }) => centralQueues.has(queue));
  for (const { shard, identity } of reached) {
    if (identity !== centralIdentity || mistakes.has(shard.name)) continue;
    const sentence = `${placeOfShard(shard)} is the central database itself`;
    if (loop === undefined) warnings.set(shard.name, `${sentence}.`);
    else
      mistakes.set(
        shard.name,
        `${sentence}, where ${loop.queue} is a central queue: its events would go round for ever. Take the shard out, or give the source queue another name with \`from:\`.`,
      );
  }
  return { mistakes, warnings };
}

function findTwins(reached: readonly ReachedShard[]): [string, string][] {
  const byIdentity = new Map<string, Shard[]>();
  for (const { shard, identity } of reached) {
    byIdentity.set(identity, [...(byIdentity.get(identity) ?? []), shard]);
  }
  return [...byIdentity.values()].flatMap((twins) =>
    twins.length < 2 ? [] : twins.map((one): [string, string] => [one.name, twinSentence(one, twins)]),
  );
}

function twinSentence(one: Shard, twins: readonly Shard[]): string {
  const others = twins.filter((other) => other !== one).map((other) => `${other.name} (${placeOf(other)})`);
  return `${placeOfShard(one)} is the same database as ${others.join(' and ')}: its events would be moved twice, so leave one of them in the file.`;
}
