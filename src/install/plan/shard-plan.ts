// Plans what install does to one shard, from facts alone, so that the dry run, `plan` and install cannot disagree. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Shard } from '../../config/config.ts';
import { storedQueues } from '../../config/feeds.ts';
import type { Provider } from '../../queue/provider.ts';
import { type DatabaseFacts, placeOf } from '../facts/database.ts';
import type { QueueFact } from '../facts/queues.ts';
import type { KnownSource, WantedSource } from '../facts/sources.ts';
import { engineHindrance, engineMark, engineSteps, engineVersion } from './engine.ts';
import { findProvider, findUnfit } from './provider.ts';
import {
  createQueueStep,
  fingerprintsSql,
  freshTickSteps,
  newestTick,
  oldestTick,
  registerStep,
  tickingSteps,
  tickOf,
} from './queue-steps.ts';
import { installHindrance, planRuntimeRole } from './roles.ts';
import { type Decision, decideStart, needsCount, type StartSituation } from './starting-point.ts';
import { locked, type Step } from './steps.ts';

export interface ShardPlan {
  readonly provider: Provider | undefined;
  readonly version: string | undefined;
  /** In the order of the transaction; the last one returns the fingerprints of `positions`. */
  readonly steps: readonly Step[];
  /** Sources that central has to know as registering before the steps run, and as active after them. */
  readonly begin: readonly WantedSource[];
  /** Sources whose central queues differ from the file. */
  readonly redirect: readonly { readonly source: KnownSource; readonly wanted: WantedSource }[];
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
}

export interface ShardSituation {
  readonly shard: Shard;
  readonly facts: DatabaseFacts;
  readonly wanted: readonly WantedSource[];
  readonly known: ReadonlyMap<string, KnownSource>;
  readonly consumer: string;
  /** Events held by the queues that `queuesToCount` named. */
  readonly waiting: ReadonlyMap<string, number>;
}

/** How a shard is named in sentences. */
export const placeOfShard = (shard: Shard): string => `Shard ${shard.name} (${placeOf(shard)})`;

/** The queues whose events have to be counted before `planShard` can decide. */
export function queuesToCount(situation: ShardSituation): QueueFact[] {
  return situation.wanted.flatMap((wanted) => {
    const fact = situation.facts.queues.wanted.get(wanted.queue);
    return fact !== undefined && needsCount(startSituation(situation, wanted)) ? [fact] : [];
  });
}

export function planShard(situation: ShardSituation): ShardPlan {
  const { shard, facts } = situation;
  const place = placeOfShard(shard);
  const finding = findProvider(facts, shard.schema, place);
  const unfit = findUnfit(facts, place);
  if (unfit !== undefined || 'mistake' in finding) {
    return refused(unfit ?? ('mistake' in finding ? finding.mistake : ''));
  }
  const { provider, version } = finding;
  const willInstall = provider === undefined;
  const hindrance =
    (willInstall ? engineHindrance(facts, place) : undefined) ??
    installHindrance(facts, place, { willInstall });
  if (hindrance !== undefined) return { ...refused(hindrance), provider, version };
  const role = planRuntimeRole(facts, place, { willInstall });
  if ('mistake' in role) return { ...refused(role.mistake), provider, version };

  const decided = situation.wanted.map((wanted) => ({
    wanted,
    decision: decideStart(startSituation(situation, wanted)),
  }));
  const begin = decided.filter(({ decision }) => decision.kind === 'begin' || decision.kind === 'resume');
  const queueSteps = decided.flatMap(({ wanted, decision }) => stepsFor(situation, wanted, decision));
  const applied =
    willInstall || (provider === 'engine' && facts.pgq.mark !== engineMark() && mayAlter(facts))
      ? engineSteps({ isUpgrade: !willInstall, offered: facts.pgq.offered })
      : [];
  const repairs = mayAlter(facts)
    ? facts.pgq.sequencesBehind.map((sequence) => repairStep(sequence, shard.schema))
    : [];
  const work = [...applied, ...role.steps, ...repairs, ...queueSteps];
  return {
    provider: provider ?? 'engine',
    version: willInstall ? engineVersion() : version,
    steps: work.length === 0 && begin.length === 0 ? [] : closing(situation, work, begin),
    begin: begin.map(({ wanted }) => wanted),
    redirect: redirects(situation),
    mistakes: decided.flatMap(({ decision }) => (decision.kind === 'mistake' ? [decision.sentence] : [])),
    warnings: warningsFor(situation),
  };
}

function closing(
  { consumer, shard }: ShardSituation,
  work: readonly Step[],
  begin: readonly { readonly wanted: WantedSource }[],
): Step[] {
  const queues = begin.map(({ wanted }) => wanted.queue);
  const look: Step[] =
    queues.length === 0
      ? []
      : [
          {
            what: 'read where the sources begin',
            sql: fingerprintsSql(queues, consumer, shard.schema),
            isRoutine: true,
          },
        ];
  return locked([...work, ...look]);
}

function stepsFor(situation: ShardSituation, { queue }: WantedSource, decision: Decision): Step[] {
  const { shard, facts, consumer } = situation;
  const { schema } = shard;
  const fact = facts.queues.wanted.get(queue);
  const ticking = weTick(situation, queue) ? tickingSteps(queue, fact, schema) : [];
  if (decision.kind === 'mistake') return [];
  if (decision.kind === 'keep') {
    // The watermark was unregistered by hand: register it at the oldest tick; the mover brings it forward.
    const again = registerStep(queue, consumer, { schema, at: oldestTick(queue, schema), moves: false });
    return [...ticking.filter((step) => !step.isRoutine), ...(decision.isRegistered ? [] : [again])];
  }
  if (decision.kind === 'resume') return ticking.filter((step) => !step.isRoutine);

  const { start, isCreated, moves } = decision;
  const needsTick = !isCreated && (start.at === 'now' || fact?.newestTick === undefined);
  const at =
    start.at === 'consumer'
      ? tickOf(queue, start.name, schema)
      : start.at === 'now'
        ? newestTick(queue, schema)
        : oldestTick(queue, schema);
  return [
    ...(isCreated ? [createQueueStep(queue, schema)] : []),
    ...ticking,
    ...(needsTick && weTick(situation, queue) ? freshTickSteps(queue, schema) : []),
    registerStep(queue, consumer, { schema, at, moves }),
  ];
}

function warningsFor(situation: ShardSituation): string[] {
  const place = placeOfShard(situation.shard);
  const { facts, wanted, shard } = situation;
  const queues = wanted.flatMap(({ queue }) => facts.queues.wanted.get(queue) ?? []);
  const warnings = queues.flatMap((queue) => {
    if (queue.isExternal)
      return [`${place}: queue ${queue.name} has an external ticker: its ticks are left to it.`];
    if (queue.isPaused)
      return [
        `${place}: the ticker of queue ${queue.name} is paused: nothing moves until \`select ${shard.schema}.set_queue_config('${queue.name}', 'ticker_paused', 'false')\`.`,
      ];
    return [];
  });
  for (const { source, wanted: to } of redirects(situation)) {
    const left = storedQueues(source).filter((queue) => !storedQueues(to).includes(queue));
    const noLonger = left.length === 0 ? '' : ` and no longer to ${left.join(', ')}`;
    warnings.push(
      `${place}: queue ${source.queue} now flows to ${storedQueues(to).join(', ')}${noLonger}, from its position on.`,
    );
  }
  if (facts.pgq.sequencesBehind.length > 0 && !mayAlter(facts)) {
    warnings.push(
      `${place}: ${facts.pgq.sequencesBehind.map((name) => `${shard.schema}.${name}`).join(', ')} stand behind their tables, as after a restore: run install with an \`admin:\` role that owns them.`,
    );
  }
  if (facts.pgq.isOurEngine && facts.pgq.mark !== engineMark() && !mayAlter(facts)) {
    warnings.push(
      `${place}: the bundled engine there is of another version, and role ${facts.server.role} does not own it: run install with an \`admin:\` role that does.`,
    );
  }
  if (facts.server.isolation !== 'read committed') {
    warnings.push(
      `${place}: the default isolation is ${facts.server.isolation}, in which producers can lose events to a rotation: set default_transaction_isolation to read committed.`,
    );
  }
  return warnings;
}

const redirects = ({ wanted, known }: ShardSituation): ShardPlan['redirect'] =>
  wanted.flatMap((one) => {
    const source = known.get(one.queue);
    if (source === undefined || source.state === 'retired') return [];
    return isDeepStrictEqual(storedQueues(source), storedQueues(one)) ? [] : [{ source, wanted: one }];
  });

function startSituation(situation: ShardSituation, wanted: WantedSource): StartSituation {
  const { shard, facts, known, consumer, waiting } = situation;
  return {
    place: placeOfShard(shard),
    shard: shard.name,
    wanted,
    queues: facts.queues,
    engineIsNew: shard.schema === 'pgq' && !facts.pgq.hasPgq,
    known: known.get(wanted.queue),
    consumer,
    waiting: waiting.get(wanted.queue),
    weTick: weTick(situation, wanted.queue),
  };
}

function weTick({ shard, facts }: ShardSituation, queue: string): boolean {
  const fact = facts.queues.wanted.get(queue);
  return shard.ticker !== 'never' && fact?.isExternal !== true && fact?.isPaused !== true;
}

const mayAlter = ({ server, pgq }: DatabaseFacts): boolean => server.isSuperuser || pgq.ownsSchema;

function repairStep(sequence: string, schema: string): Step {
  const [table, column] =
    sequence === 'queue_queue_id_seq'
      ? ['queue', 'queue_id']
      : sequence === 'consumer_co_id_seq'
        ? ['consumer', 'co_id']
        : ['subscription', 'sub_id'];
  return {
    what: `move sequence ${schema}.${sequence} past the numbers in use, as after a restore`,
    sql: `select setval('${schema}.${sequence}', (select max(${column}) from ${schema}.${table}))`,
  };
}

const refused = (sentence: string): ShardPlan => ({
  provider: undefined,
  version: undefined,
  steps: [],
  begin: [],
  redirect: [],
  mistakes: [sentence],
  warnings: [],
});
