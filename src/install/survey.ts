// A look at central and all shards without a write, and what install would do to each. install acts on it; `plan` and the dry
// run print it.
import type { Config, Shard } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import type { Connection } from '../postgres/connection.ts';
import { consumerName } from '../queue/names.ts';
import { type CentralFacts, readCentralFacts } from './central-facts.ts';
import { type CentralPlan, placeOfCentral, planCentral } from './central-plan.ts';
import { type DatabaseFacts, placeOf, readFacts } from './facts.ts';
import { countWaiting } from './queue-facts.ts';
import type { Reach } from './reach.ts';
import { findTwins } from './same-database.ts';
import { placeOfShard, planShard, queuesToCount, type ShardPlan, type ShardSituation } from './shard-plan.ts';
import { type KnownSource, readKnownSources, wantedSources } from './sources.ts';
import { COUNT_LIMIT } from './start.ts';

/** Stands in the consumer's name as long as central has no identity. */
const NO_IDENTITY = 'xxxxxxxx';

export interface CentralSurvey {
  readonly facts: DatabaseFacts;
  readonly central: CentralFacts;
  readonly plan: CentralPlan;
  readonly known: ReadonlyMap<string, ReadonlyMap<string, KnownSource>>;
  readonly consumer: string;
}

export interface ShardSurvey {
  readonly shard: Shard;
  /** Undefined: it could not be reached, and the plan's only mistake says why. */
  readonly facts: DatabaseFacts | undefined;
  readonly plan: ShardPlan;
}

/** What a shard is compared with. */
export interface ShardContext {
  readonly config: Config;
  readonly known: ReadonlyMap<string, ReadonlyMap<string, KnownSource>>;
  readonly consumer: string;
}

export async function surveyCentral(connection: Connection, config: Config): Promise<CentralSurvey> {
  const facts = await readFacts(connection, {
    schema: 'pgq',
    queues: config.queues.map(({ name }) => name),
    runtimeRole: config.central.user,
  });
  const central = await readCentralFacts(connection, config.central.user);
  const isInstalled = central.applied.length > 0;
  return {
    facts,
    central,
    plan: planCentral({ config, facts, central }),
    known: isInstalled ? await readKnownSources(connection) : new Map(),
    consumer: consumerName(config.name, central.identity?.id ?? NO_IDENTITY),
  };
}

/** Over a connection of the caller's. */
export async function surveyShard(
  connection: Connection,
  shard: Shard,
  { config, known, consumer }: ShardContext,
): Promise<ShardSurvey & { readonly facts: DatabaseFacts }> {
  const wanted = wantedSources(config);
  const facts = await readFacts(connection, {
    schema: shard.schema,
    queues: wanted.map(({ queue }) => queue),
    runtimeRole: shard.user,
  });
  const situation: ShardSituation = {
    shard,
    facts,
    wanted,
    known: known.get(shard.name) ?? new Map(),
    consumer,
    waiting: new Map(),
  };
  const waiting = new Map<string, number>();
  for (const queue of queuesToCount(situation)) {
    const options = { schema: shard.schema, queue, limit: COUNT_LIMIT };
    waiting.set(queue.name, await countWaiting(connection, options));
  }
  return { shard, facts, plan: planShard({ ...situation, waiting }) };
}

/** All shards at once; mistakes that show only when they are seen together are in their plans. */
export async function surveyShards(
  reach: Reach,
  context: ShardContext & { readonly centralIdentity: string },
): Promise<ShardSurvey[]> {
  const surveys = await Promise.all(
    context.config.shards.map(async (shard): Promise<ShardSurvey> => {
      try {
        return await reach.use(shard, (connection) => surveyShard(connection, shard, context));
      } catch (error) {
        return { shard, facts: undefined, plan: unreached(sentenceFor(error, placeOfShard(shard))) };
      }
    }),
  );
  return findMixUps(surveys, context);
}

/** A plan that does nothing, with one reason. */
export const unreached = (sentence: string): ShardPlan => ({
  provider: undefined,
  version: undefined,
  steps: [],
  begin: [],
  redirect: [],
  mistakes: [sentence],
  warnings: [],
});

function findMixUps(
  surveys: readonly ShardSurvey[],
  { config, centralIdentity }: { readonly config: Config; readonly centralIdentity: string },
): ShardSurvey[] {
  const reached = surveys.flatMap(({ shard, facts }) =>
    facts === undefined ? [] : [{ name: shard.name, identity: facts.server.identity, place: placeOf(shard) }],
  );
  const twins = findTwins(reached);
  const centralQueues = new Set(config.queues.map(({ name }) => name));
  const loops = wantedSources(config).filter(({ queue }) => centralQueues.has(queue));
  return surveys.map((survey) => {
    const { shard, facts, plan } = survey;
    const twin = twins.get(shard.name);
    if (twin !== undefined) return { ...survey, plan: unreached(twin) };
    if (facts?.server.identity !== centralIdentity) return survey;
    const [loop] = loops;
    if (loop !== undefined) {
      const sentence = `${placeOfShard(shard)} is the central database itself, where ${loop.queue} is a central queue: its events would go round for ever. Take the shard out, or give the source queue another name with \`from:\`.`;
      return { ...survey, plan: unreached(sentence) };
    }
    const warning = `${placeOfShard(shard)} is the central database itself.`;
    return { ...survey, plan: { ...plan, warnings: [...plan.warnings, warning] } };
  });
}

export { placeOfCentral };
