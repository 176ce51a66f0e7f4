// Plans the queues of central, with what works on them: groups, where they begin, how many workers they have. Pure.
import type { Config, GroupStart, Queue } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { type Worked, workedOf } from '../../config/worked.ts';
import { counted } from '../../errors/words.ts';
import { literal } from '../../postgres/quote.ts';
import { coopAdoptSql } from '../../queue/coop.ts';
import { groupName } from '../../queue/names.ts';
import type { CentralFacts } from '../facts/central.ts';
import type { DatabaseFacts } from '../facts/database.ts';
import type { QueueFact } from '../facts/queues.ts';
import { laneSteps } from './lanes.ts';
import { createQueueStep, newestTick, registerStep, tickingSteps } from './queue-steps.ts';
import type { Step } from './steps.ts';

interface QueueSituation {
  readonly config: Config;
  readonly facts: DatabaseFacts;
  readonly central: CentralFacts;
  /** Only what is new: no other numbers of workers. */
  readonly isAddition?: boolean;
  /** See LanesSituation. */
  readonly lanesOf?: ReadonlySet<string> | undefined;
}

export function queueStepsFor(
  situation: QueueSituation,
  place: string,
): { readonly steps: readonly Step[]; readonly mistakes: readonly string[] } {
  const { config, facts, isAddition } = situation;
  const mistakes: string[] = [];
  const steps = config.queues.flatMap((queue): Step[] => {
    const fact = facts.queues.wanted.get(queue.name);
    const begun: Step[] = fact === undefined ? [createQueueStep(queue.name, 'pgq')] : [];
    const isOurs = config.central.ticker !== 'never' && fact?.isExternal !== true && fact?.isPaused !== true;
    if (isOurs) {
      const ticking = tickingSteps(queue.name, fact, 'pgq');
      begun.push(...(fact === undefined ? ticking : ticking.filter((step) => !step.isRoutine)));
    }
    const hindrances = hindrancesOf(queue, { fact, facts, config, place });
    mistakes.push(...hindrances);
    if (hindrances.length > 0) return begun;
    return [
      ...begun,
      ...workedOf(queue).flatMap((worked) => workedSteps(worked, { ...situation, fact })),
      ...(isAddition ? [] : idlePools(queue, situation).map((name) => poolStep(name, null))),
    ];
  });
  return { steps, mistakes };
}

/** The group first, then its workers. */
function workedSteps(
  worked: Worked,
  { config, central, isAddition, lanesOf, fact }: QueueSituation & { readonly fact: QueueFact | undefined },
): Step[] {
  const { name, workers } = worked;
  const group = groupName(config, worked.group);
  const begin = [
    ...(fact?.consumers.has(group) === true ? [] : [beginStep(worked, group, fact)]),
    ...laneSteps(worked, { central, group, isAddition, lanesOf }),
  ];
  const isNoted = central.pools.get(name) === workers || (isAddition && central.pools.has(name));
  return isNoted ? begin : [...begin, poolStep(name, workers)];
}

function beginStep(
  { adopt, group: part, queue, start }: Worked,
  group: string,
  fact: QueueFact | undefined,
): Step {
  if (adopt !== undefined)
    return {
      what: `turn consumer ${adopt} of queue ${queue} into group ${group}`,
      sql: coopAdoptSql({ queue, consumer: adopt, group }),
    };
  if (part === undefined)
    return registerStep(queue, group, { schema: 'pgq', at: newestTick(queue, 'pgq'), moves: false });
  return groupStep(queue, group, start ?? { at: isFresh(fact) ? 'oldest' : 'now' });
}

const IN_WORDS = {
  now: 'with what is committed from now on',
  oldest: 'with the oldest that rotation has left',
} as const;

function groupStep(queue: string, group: string, start: GroupStart): Step {
  const time = start.at === 'time' ? `${literal(start.time)}::timestamptz` : 'null';
  const where = start.at === 'time' ? `behind ${start.time}` : IN_WORDS[start.at];
  return {
    what: `begin group ${group} of queue ${queue} ${where}`,
    sql: `select tributary.begin_group(${literal(queue)}, ${literal(group)}, ${literal(start.at)}, ${time})`,
  };
}

/** Nothing has come in yet that a group could begin before or behind. */
const isFresh = (fact: QueueFact | undefined): boolean =>
  fact === undefined || fact.oldestTick === undefined || fact.oldestTick === fact.newestTick;

/** Pools of groups, or of the queue itself, that the file has no workers for any more. */
function idlePools(queue: Queue, { facts, central }: QueueSituation): string[] {
  const wanted = new Set(workedOf(queue).map(({ name }) => name));
  const queues = new Set(facts.queues.all);
  return [...central.pools.keys()].filter(
    (name) =>
      (name === queue.name || (name.startsWith(`${queue.name}/`) && !queues.has(name))) && !wanted.has(name),
  );
}

const poolStep = (name: string, workers: number | null): Step => ({
  what:
    workers === null
      ? `let queue ${name} have no workers`
      : `let queue ${name} have ${counted(workers, 'worker')}`,
  sql: `select tributary.worker_pool_sync(${literal(name)}, ${workers})`,
});

interface QueueThere {
  readonly fact: QueueFact | undefined;
  readonly facts: DatabaseFacts;
  readonly config: Config;
  readonly place: string;
}

function hindrancesOf(queue: Queue, { fact, facts, config, place }: QueueThere): string[] {
  const former = fact?.consumers.has(groupName(config)) === true && queue.groups !== undefined;
  return workedOf(queue).flatMap(({ name, group, start, adopt }) => {
    if (fact?.consumers.has(groupName(config, group)) === true) return [];
    if (group !== undefined && facts.queues.all.includes(name))
      return [
        `${place}: there is a queue ${name}, and group ${group} of queue ${queue.name} would have the same name: call it otherwise.`,
      ];
    if (adopt !== undefined)
      return adoptHindrance(adopt, [...(fact?.consumers.keys() ?? [])], { place, queue: queue.name });
    if (group === undefined || start !== undefined || isFresh(fact)) return [];
    const goesOn = former
      ? `, or \`adopt: ${groupName(config)}\` to let it go on where the workers of the queue stand`
      : '';
    return [
      `${place}: group ${group} of queue ${queue.name} is new, and the queue has had events: say where it begins, \`start: oldest\` (all that rotation has left), \`start: now\` or a time${goesOn}.`,
    ];
  });
}

function adoptHindrance(
  adopt: string,
  consumers: readonly string[],
  { place, queue }: { readonly place: string; readonly queue: string },
): string[] {
  if (consumers.includes(adopt)) return [];
  const close = nearest(adopt, consumers);
  return [
    `${place}: queue ${queue} has no consumer ${adopt} to adopt${close === undefined ? '' : ` (the nearest is ${close})`}: correct \`adopt:\`, or take it out.`,
  ];
}

export function queueWarnings({ config, facts, central }: QueueSituation, place: string): string[] {
  return config.queues.flatMap((queue) => {
    const { name, workers, groups } = queue;
    const fact = facts.queues.wanted.get(name);
    const warnings: string[] = [];
    if (fact?.isExternal)
      warnings.push(`${place}: queue ${name} has an external ticker: its ticks are left to it.`);
    if (fact?.isPaused) {
      warnings.push(
        `${place}: the ticker of queue ${name} is paused: nothing is handled until \`select pgq.set_queue_config('${name}', 'ticker_paused', 'false')\`.`,
      );
    }
    if (fact?.insertsDisabled)
      warnings.push(`${place}: queue ${name} refuses events (queue_disable_insert).`);
    for (const worked of workedOf(queue))
      warnings.push(...groupWarnings(worked, { config, central, fact, place }));
    if (groups !== undefined && fact !== undefined)
      warnings.push(...leftGroup(queue, { config, fact, place }));
    if (groups === undefined && workers === 'none' && (fact?.consumers.size ?? 0) === 0) {
      warnings.push(
        `${place}: queue ${name} has \`workers: none\` and no consumer: its events go with the rotation, unread.`,
      );
    }
    return warnings;
  });
}

function groupWarnings(
  { name, queue, group, adopt, start }: Worked,
  {
    config,
    central,
    fact,
    place,
  }: Pick<QueueSituation, 'config' | 'central'> & Pick<QueueThere, 'fact' | 'place'>,
): string[] {
  const consumer = groupName(config, group);
  if (adopt !== undefined || fact === undefined || fact.consumers.has(consumer)) return [];
  if (central.pools.has(name) && group === undefined)
    return [
      `${place}: group ${consumer} of queue ${queue} is gone and begins anew at the newest tick. What it had not handled is handled only after \`select pgq.register_consumer_at('${queue}', '${consumer}', TICK)\`, with a tick from pgq.tick.`,
    ];
  const { oldestTickMs } = fact;
  if (start?.at !== 'time' || oldestTickMs === undefined || Date.parse(start.time) >= oldestTickMs) return [];
  return [
    `${place}: group ${group} of queue ${queue} is to begin at ${start.time}, and rotation has left nothing from before ${new Date(oldestTickMs).toISOString()}: it begins there.`,
  ];
}

/** The group that the queue had before it had several. */
function leftGroup(
  queue: Queue,
  { config, fact, place }: { readonly config: Config; readonly fact: QueueFact; readonly place: string },
): string[] {
  const former = groupName(config);
  if (!fact.consumers.has(former) || workedOf(queue).some(({ adopt }) => adopt === former)) return [];
  return [
    `${place}: queue ${queue.name} had one group before, ${former}, which nobody works any more and which holds rotation back: \`adopt: ${former}\` in one of its groups lets that go on from there, \`tributary group remove ${queue.name}\` ends it.`,
  ];
}
