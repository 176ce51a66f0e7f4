// `key`, `lanes` and `on_failure` of a queue → which of its events are handled one after another.
import type { Group, OriginColumn, Queue } from '../../config.ts';
import type { Section } from '../../section.ts';
import type { Value } from '../../value.ts';
import type { QueueLanes } from '../../worked.ts';
import { whyUnfit } from '../expression.ts';

/** Keys go into as many buckets, which are shared out to the lanes. */
const MOST_LANES = 64;
const MOST_AT_ONCE = 1_000;

export interface LanesOfQueue {
  readonly entry: Value;
  readonly origin: OriginColumn;
  readonly workers: Queue['workers'];
  readonly groups: readonly Group[] | undefined;
  /** Its events are changes of tables, in the order of their shard. */
  readonly isApplied: boolean;
}

/** The shard of an event that came from one. */
const shardOf = (origin: OriginColumn): string => `split_part(ev_${origin}, ':', 1)`;

/** Undefined: any worker gets any event. */
export function readLanes(section: Section, given: LanesOfQueue): QueueLanes | undefined {
  const [key, lanes] = [section.get('key'), section.get('lanes')];
  const onFailure = section.get('on_failure');
  const [fair, limits] = [section.get('fair'), section.get('limits')];
  const pauses = onFailure?.oneOf(['skip', 'pause']) === 'pause';
  if (given.isApplied) return ofApplied(section, given);
  const isFair = fair?.yesOrNo();
  const limited = readLimits(limits);
  if (lanes === undefined && key === undefined) {
    for (const one of [onFailure, fair, limits])
      one?.problem(
        `${one.name} is about events with the same key: say \`key\` and \`lanes\` as well, or take it out.`,
      );
    return undefined;
  }
  if (lanes === undefined)
    return key?.problem(
      `${key.name} says which events are handled one after another, and nothing says in how many lanes: add \`lanes: 8\`, or take it out.`,
    );
  const count = readCount(lanes);
  if (key === undefined)
    return lanes.problem(
      `${lanes.name} needs a \`key\` beside it, such as \`key: ev_extra1\`: events with the same key are handled one after another.`,
    );
  const text = readKey(key, given.origin);
  if (count !== undefined) checkWorkers(section, count, given);
  return count === undefined || text === undefined
    ? undefined
    : { key: text, count, ...(pauses && { pauses }), ...(isFair && { isFair: true as const }), ...limited };
}

/** What each key of a queue may have. */
function readLimits(value: Value | undefined): Pick<QueueLanes, 'perKeyPerSecond' | 'atOnce'> {
  const section = value?.section(
    ['per_key', 'at_once'],
    'a map such as `{ per_key: 10/s, at_once: 2 }`: events of one key that may start in a time, and be at work at once',
  );
  const perKeyPerSecond = section?.get('per_key')?.rate();
  const atOnce = section
    ?.get('at_once')
    ?.whole(`a whole number from 1 to ${MOST_AT_ONCE}`, { min: 1, max: MOST_AT_ONCE });
  return {
    ...(perKeyPerSecond !== undefined && { perKeyPerSecond }),
    ...(atOnce !== undefined && { atOnce }),
  };
}

const readCount = (lanes: Value): number | undefined =>
  lanes.whole(`a whole number from 1 to ${MOST_LANES}`, { min: 1, max: MOST_LANES });

/**
 * Changes of one shard are in one lane, so that each of its transactions is applied whole, and a truncate behind all rows that were
 * there before it.
 */
function ofApplied(section: Section, given: LanesOfQueue): QueueLanes | undefined {
  for (const name of ['key', 'on_failure', 'fair', 'limits']) {
    const value = section.get(name);
    value?.problem(
      `${value.name} stands beside \`apply\`, which keeps the changes of each shard in their order: take it out; \`lanes\` alone says how many shards are applied at a time.`,
    );
  }
  const lanes = section.get('lanes');
  const count = lanes === undefined ? undefined : readCount(lanes);
  if (count === undefined) return undefined;
  checkWorkers(section, count, given);
  return { key: shardOf(given.origin), count };
}

function readKey(key: Value, origin: OriginColumn): string | undefined {
  const text = key.text('an SQL expression over the columns of an event');
  if (text === undefined) return undefined;
  const unfit = whyUnfit(text);
  if (unfit !== undefined) return key.problem(`${key.name} ${unfit}.`);
  if (new RegExp(`\\bev_${origin}\\b`, 'i').test(text))
    return key.problem(
      `${key.name} is about \`ev_${origin}\`, which holds the origin, another one for each event: take another key, or set \`origin\` to a free column.`,
    );
  return text;
}

/** Only one worker at a time has a lane. */
function checkWorkers(section: Section, count: number, { entry, workers, groups }: LanesOfQueue): void {
  const place = section.get('workers') ?? entry;
  const tooMany = (wanted: number, of: string) =>
    place.problem(
      `${of} wants ${wanted} workers and has ${count === 1 ? '1 lane' : `${count} lanes`}, and one worker at a time has a lane: say at most ${count}, or more \`lanes\`.`,
    );
  if (workers === 'none' && groups === undefined)
    place.problem(
      `${entry.name} has lanes and nobody who works them: say \`workers: 0\` to park it, or take \`lanes\` out.`,
    );
  if (workers !== 'none' && workers > count) tooMany(workers, entry.name);
  for (const group of groups ?? [])
    if (group.workers > count) tooMany(group.workers, `Group ${group.name} of ${entry.name}`);
}
