// Plans the lanes of a group: how many, by what key. Pure.
import type { Worked } from '../../config/worked.ts';
import { counted } from '../../errors/words.ts';
import { literal } from '../../postgres/quote.ts';
import { type CentralFacts, lanesKey } from '../facts/central.ts';
import type { Step } from './steps.ts';

export interface LanesSituation {
  readonly central: Pick<CentralFacts, 'lanes'>;
  /** The group, as a consumer. */
  readonly group: string;
  /** Only what is new: no other lanes of a group that has some … */
  readonly isAddition?: boolean | undefined;
  /** … but for these, by their names, whose lanes the file has just changed. */
  readonly lanesOf?: ReadonlySet<string> | undefined;
}

/** Where others than the file's are there, or on their way. */
export function laneSteps(
  { queue, name, lanes }: Pick<Worked, 'queue' | 'name' | 'lanes'>,
  { central, group, isAddition, lanesOf }: LanesSituation,
): Step[] {
  const there = central.lanes.get(lanesKey(queue, group));
  const wanted = { count: lanes?.count ?? 0, key: lanes?.key };
  const pauses = lanes?.pauses === true;
  const isFair = lanes?.isFair === true;
  const perKey = lanes?.perKeyPerSecond;
  const isSame = (there?.count ?? 0) === wanted.count && there?.key === wanted.key;
  const changes = [
    ...((there?.pauses ?? false) === pauses
      ? []
      : [`${pauses ? 'pause keys' : 'not pause keys'} whose event fails`]),
    ...((there?.isFair ?? false) === isFair
      ? []
      : [isFair ? 'be fair to its keys' : 'not be fair to its keys']),
    ...(there?.perKeyPerSecond === perKey
      ? []
      : [perKey === undefined ? 'limit its keys no more' : `start ${perSecond(perKey)} of a key a second`]),
  ];
  if (isSame && changes.length === 0) return [];
  if (isAddition && there !== undefined && lanesOf?.has(name) !== true) return [];
  const key = wanted.key === undefined ? 'null' : literal(wanted.key);
  return [
    {
      what: isSame
        ? `let queue ${name} ${changes.join(', and ')}`
        : wanted.count === 0
          ? `let queue ${name} have no lanes, behind what waits now`
          : `let queue ${name} have ${counted(wanted.count, 'lane')} by ${wanted.key}, behind what waits now`,
      sql: `select tributary.lanes_set(${literal(queue)}, ${literal(group)}, ${key}, ${wanted.count}, ${pauses}, ${isFair}, ${perKey ?? 'null'})`,
    },
  ];
}

const perSecond = (events: number): string => counted(Math.round(events * 1e3) / 1e3, 'event');
