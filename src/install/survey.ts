// Looks at central and all shards without a write, and plans what install would do to each. install carries it out; `plan` and
// the dry run print it.
import type { Config, Shard } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import type { Connection } from '../postgres/connection.ts';
import { consumerName } from '../queue/names.ts';
import { captureOnShard } from './capture/on-shards.ts';
import type { CapturePlan } from './capture/plan.ts';
import { type CentralFacts, readCentralFacts } from './facts/central.ts';
import { type DatabaseFacts, readFacts } from './facts/database.ts';
import { countWaiting } from './facts/queues.ts';
import type { Reach } from './facts/reach.ts';
import { type KnownSources, readSourcesOf, wantedSources } from './facts/sources.ts';
import { type CentralPlan, planCentral } from './plan/central-plan.ts';
import { RETIRED_SOURCES } from './plan/retired-name.ts';
import { findMixUps } from './plan/same-database.ts';
import {
  placeOfShard,
  planShard,
  queuesToCount,
  type ShardPlan,
  type ShardSituation,
} from './plan/shard-plan.ts';
import { COUNT_LIMIT } from './plan/starting-point.ts';
import {
  type CentralNames,
  namesIn,
  SHARD_NOTES,
  shardsThere,
  whyNotThisShard,
} from './plan/whose-database.ts';

/** Used in the consumer's name as long as central has no identity. */
const NO_IDENTITY = 'xxxxxxxx';

export interface CentralSurvey {
  readonly facts: DatabaseFacts;
  readonly central: CentralFacts;
  readonly plan: CentralPlan;
  readonly consumer: string;
}

export interface ShardSurvey {
  readonly shard: Shard;
  readonly known: KnownSources;
  /** Undefined: the database could not be reached, and the plan's only mistake says why. */
  readonly facts: DatabaseFacts | undefined;
  readonly plan: ShardPlan;
  /** Undefined: the file captures nothing, or the shard cannot be installed. */
  readonly capture?: CapturePlan | undefined;
}

/** What central knows, which shards are compared with. */
export interface ShardContext {
  readonly config: Config;
  readonly consumer: string;
  /** Asks central. */
  knownOf(shard: Shard): Promise<KnownSources>;
  readonly names: CentralNames;
}

/** The context of an installation whose central database can be asked over this connection. */
export function contextOf(
  connection: Connection,
  config: Config,
  { central, consumer }: CentralSurvey,
): ShardContext {
  const isInstalled = central.applied.length > 0;
  return {
    config,
    consumer,
    knownOf: async ({ name }) => (isInstalled ? readSourcesOf(connection, name) : new Map()),
    names: isInstalled
      ? namesIn(connection, {
          hasNotes: central.applied.includes(SHARD_NOTES),
          hasEnds: central.applied.includes(RETIRED_SOURCES),
        })
      : { shards: async () => [], marks: async () => [], ends: async () => [], left: async () => [] },
  };
}

/** What an operator has retired is not begun again by itself, neither its group nor sources on a shard that is new. */
export function withoutRetired(config: Config, { retired }: CentralFacts): Config {
  return { ...config, queues: config.queues.filter(({ name }) => !retired.has(name)) };
}

/** @param isAddition whether only what is new is to be planned, with other lanes of those in `lanesOf` alone. */
export async function surveyCentral(
  connection: Connection,
  config: Config,
  {
    isAddition = false,
    lanesOf,
  }: { readonly isAddition?: boolean; readonly lanesOf?: ReadonlySet<string> | undefined } = {},
): Promise<CentralSurvey> {
  const facts = await readFacts(connection, {
    schema: 'pgq',
    queues: config.queues.map(({ name }) => name),
    runtimeRole: config.central.user,
    adminRole: config.central.admin?.user,
  });
  const central = await readCentralFacts(connection, config.central);
  return {
    facts,
    central,
    plan: planCentral({
      ...{ config: isAddition ? withoutRetired(config, central) : config, facts, central },
      ...{ isAddition, lanesOf },
    }),
    consumer: consumerName(config.name, central.identity?.id ?? NO_IDENTITY),
  };
}

/**
 * Over a connection of the caller. Central is asked after the shard: a registration that is seen on the shard has a source
 * that was committed before it, even while another install is at work. A queue that central knows and that the shard did not
 * have may have been created by such an install in between, so both are asked again: the queue is gone only where central
 * knew of it before the shard was asked.
 */
export async function surveyShard(
  connection: Connection,
  shard: Shard,
  { config, consumer, knownOf, names }: ShardContext,
): Promise<ShardSurvey & { readonly facts: DatabaseFacts }> {
  const wanted = wantedSources(config, shard);
  const options = {
    schema: shard.schema,
    queues: wanted.map(({ queue }) => queue),
    runtimeRole: shard.user,
    adminRole: shard.admin?.user,
  };
  let facts = await readFacts(connection, options);
  let known = await knownOf(shard);
  for (let before: KnownSources = new Map(); mayHaveCome(facts, known, before); ) {
    before = known;
    facts = await readFacts(connection, options);
    known = await knownOf(shard);
  }
  const mistake = await whyNotThisShard(shard, {
    config,
    facts,
    wanted,
    known,
    consumer,
    names,
    ask: (marks) => shardsThere(connection, shard, marks),
  });
  if (mistake !== undefined) return { shard, known, facts, plan: unreached(mistake) };
  const situation: ShardSituation = { shard, facts, wanted, known, consumer, waiting: new Map() };
  const waiting = new Map<string, number>();
  for (const queue of queuesToCount(situation)) {
    const options = { schema: shard.schema, dialect: facts.pgq.dialect, queue, limit: COUNT_LIMIT };
    waiting.set(queue.name, await countWaiting(connection, options));
  }
  const plan = planShard({ ...situation, waiting });
  const capture = await surveyCapture(connection, { config, shard, facts, plan });
  return { shard, known, facts, plan, capture };
}

/** As it will be once the plan is carried out. */
async function surveyCapture(
  connection: Connection,
  { plan, ...options }: { config: Config; shard: Shard; facts: DatabaseFacts; plan: ShardPlan },
): Promise<CapturePlan | undefined> {
  if (options.config.captures === undefined || plan.provider === undefined) return undefined;
  return await captureOnShard(connection, { ...options, comingQueues: plan.begin.map(({ queue }) => queue) });
}

/** Whether a queue that was not there may be there by now: `known` was read after the look at the shard, `before` before it. */
function mayHaveCome({ queues }: DatabaseFacts, known: KnownSources, before: KnownSources): boolean {
  return [...known.values()].some(
    ({ queue, state }) =>
      state !== 'retired' && !queues.wanted.has(queue) && before.get(queue)?.state !== state,
  );
}

/** All shards at once; mistakes that only their comparison shows are in their plans. */
export async function surveyShards(
  reach: Reach,
  context: ShardContext & { readonly centralIdentity: string },
): Promise<ShardSurvey[]> {
  const surveys = await Promise.all(
    context.config.shards.map(async (shard): Promise<ShardSurvey> => {
      try {
        return await reach(shard, (connection) => surveyShard(connection, shard, context));
      } catch (error) {
        return {
          shard,
          known: new Map(),
          facts: undefined,
          plan: unreached(sentenceFor(error, placeOfShard(shard))),
        };
      }
    }),
  );
  const reached = surveys.flatMap(({ shard, facts }) =>
    facts === undefined ? [] : [{ shard, identity: facts.server.identity }],
  );
  const { mistakes, warnings } = findMixUps(context.config, { reached, ...context });
  return surveys.map((survey) => {
    const mistake = mistakes.get(survey.shard.name);
    if (mistake !== undefined) return { ...survey, plan: unreached(mistake) };
    const warning = warnings.get(survey.shard.name);
    if (warning === undefined) return survey;
    return { ...survey, plan: { ...survey.plan, warnings: [...survey.plan.warnings, warning] } };
  });
}

/** A plan that does nothing, with one reason. */
const unreached = (sentence: string): ShardPlan => ({
  provider: undefined,
  version: undefined,
  steps: [],
  begin: [],
  redirect: [],
  mistakes: [sentence],
  warnings: [],
});
