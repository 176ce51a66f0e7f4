// What workers work on, and its names: a central queue, or one of its groups where it has several. Pure.
//
// Invariant: what is worked has one name everywhere (commands, leases, lag, logs, metrics, rows on central): `orders` for the one
// group of queue orders, `orders/billing` for its group billing.
import type { Config, Group, Handling, Queue } from './config.ts';

/** Of a queue whose events go by their keys. */
export interface QueueLanes {
  /** SQL expression over the event's columns, run on central; null: the event is behind no other. */
  readonly key: string;
  readonly count: number;
  /** Whether those behind an event that fails, with its key, wait until it is done or dead; absent: they go on. */
  readonly pauses?: true;
  /** Whether a batch has at most a share of one key, so that one that floods does not keep the others waiting. */
  readonly isFair?: true;
  /** Events of one key that may be handed out a second; absent: any number. */
  readonly perKeyPerSecond?: number;
  /** Events of one key that a free handler may have at work; absent: one after another. */
  readonly atOnce?: number;
}

/** A group of a central queue, as its workers need it. */
export interface Worked
  extends Handling,
    Pick<Queue, 'origin' | 'apply' | 'lanes'>,
    Pick<Group, 'workers' | 'start' | 'adopt' | 'deadMs'> {
  /** What it is called: `orders`, `orders/billing`. */
  readonly name: string;
  /** The central queue. */
  readonly queue: string;
  /** `billing`; absent: the one group of a queue, which has no name. */
  readonly group?: string;
}

export const workName = (queue: string, group: string | undefined): string =>
  group === undefined ? queue : `${queue}/${group}`;

/** All that the file's queues have workers for. */
export function workedIn({ queues }: Pick<Config, 'queues'>): Worked[] {
  return queues.flatMap(workedOf);
}

/** The groups of one queue; none: it is only filled. */
export function workedOf({ groups, ...queue }: Queue): Worked[] {
  const { name, origin, workers, lanes } = queue;
  if (groups !== undefined)
    return groups.map((group) => ({
      ...group,
      ...{ origin, queue: name, group: group.name, name: workName(name, group.name) },
      ...(lanes !== undefined && { lanes }),
    }));
  if (workers === 'none') return [];
  const { handler, apply, timeoutMs, retry, ratePerSecond, weight, recycle, results, adopt, deadMs } = queue;
  return [
    {
      ...{ name, queue: name, origin, workers, timeoutMs, retry, recycle },
      ...(handler !== undefined && { handler }),
      ...(apply !== undefined && { apply }),
      ...(lanes !== undefined && { lanes }),
      ...(ratePerSecond !== undefined && { ratePerSecond }),
      ...(weight !== undefined && { weight }),
      ...(results && { results }),
      ...(adopt !== undefined && { adopt }),
      ...(deadMs !== undefined && { deadMs }),
    },
  ];
}

/** All that has figures of its own: each queue, and behind it its groups where it has several. */
export function figuredNames({ queues }: Pick<Config, 'queues'>): string[] {
  return queues.flatMap(({ name, groups = [] }) => [
    name,
    ...groups.map((group) => workName(name, group.name)),
  ]);
}

/** The central queue that a name belongs to. */
export function queueOf({ queues }: Pick<Config, 'queues'>, name: string): Queue | undefined {
  return (
    queues.find((queue) => queue.name === name) ??
    queues.find((queue) => queue.groups?.some((group) => workName(queue.name, group.name) === name))
  );
}
