// What is different between the configuration that runs and the next one. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Config, Queue, Shard } from './config.ts';
import { figuredNames, workedIn } from './worked.ts';

export interface Changes {
  readonly shards: NameChanges;
  readonly queues: NameChanges;
  /** Queues whose number of workers is another one. */
  readonly numbers: readonly string[];
  /** Groups that are new in the file, by their names: `orders/billing`. */
  readonly groups: readonly string[];
  /** Groups, by their names, whose lanes are others: as many of another key, another number, the first ones or none. */
  readonly lanes: readonly string[];
  /** Other settings, by their keys: `mover`, `watch`. */
  readonly others: readonly string[];
  /** What is done for central is to be done otherwise: for other queues, or by other schedules. */
  readonly hasOtherDuties: boolean;
}

export interface NameChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export function changesBetween(before: Config, after: Config): Changes {
  const queues = namesChanged(before.queues, after.queues);
  const [known, now] = [numbersIn(before), numbersIn(after)];
  const hadLanes = new Map(workedIn(before).map(({ name, lanes }) => [name, lanes]));
  const was = new Set(figuredNames(before));
  const others = OTHERS.filter((key) => !isDeepStrictEqual(before[key], after[key]));
  return {
    shards: namesChanged(before.shards, after.shards),
    queues,
    numbers: figuredNames(after).filter((name) => was.has(name) && known.get(name) !== now.get(name)),
    groups: workedIn(after).flatMap(({ name, group }) =>
      group === undefined || known.has(name) ? [] : [name],
    ),
    lanes: workedIn(after).flatMap(({ name, lanes }) =>
      known.has(name) && !isDeepStrictEqual(hadLanes.get(name), lanes) ? [name] : [],
    ),
    others,
    hasOtherDuties: !isSame(queues) || others.includes('schedules'),
  };
}

const numbersIn = (config: Config): ReadonlyMap<string, number> =>
  new Map(workedIn(config).map(({ name, workers }) => [name, workers]));

/** Whether nothing at all is different. */
export const isNoChange = ({ shards, queues, others }: Changes): boolean =>
  isSame(shards) && isSame(queues) && others.length === 0;

const isSame = ({ added, removed, changed }: NameChanges): boolean =>
  added.length + removed.length + changed.length === 0;

const OTHERS = [
  ...['mover', 'routes', 'schedules', 'captures', 'watch', 'install', 'shardQueries', 'metrics'],
] as const;

function namesChanged(before: readonly (Shard | Queue)[], after: readonly (Shard | Queue)[]): NameChanges {
  const was = new Map(before.map((one) => [one.name, one]));
  const is = new Set(after.map(({ name }) => name));
  return {
    added: after.filter(({ name }) => !was.has(name)).map(({ name }) => name),
    removed: before.filter(({ name }) => !is.has(name)).map(({ name }) => name),
    changed: after
      .filter((one) => was.has(one.name) && !isDeepStrictEqual(was.get(one.name), one))
      .map(({ name }) => name),
  };
}

/** What is fixed at the start of a process, and how it is called in sentences. */
const FIXED = [
  ['name', '`name`, the name of the installation'],
  ['central', '`central`'],
  ['http', '`http`'],
] as const;

/** Why a running process cannot take the next configuration over: one sentence for each thing that would have to change. */
export function restartNeeded(running: Config, next: Config): string[] {
  return FIXED.filter(([key]) => !isDeepStrictEqual(running[key], next[key])).map(
    ([, what]) =>
      `${what} is another one, and cannot change while a process runs: restart it (\`mover\`, \`work\`, \`start\`) to take the file over. Until then nothing of the file counts.`,
  );
}
