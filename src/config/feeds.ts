// Which central queues each source queue feeds, in the order of the file. Pure.
import type { Config, Queue, RouteMode } from './config.ts';

export interface Feed {
  /** The source queue, the same on all shards. */
  readonly queue: string;
  /** Which of `to` get an event; undefined: there is one. */
  readonly mode: RouteMode | undefined;
  /** The first one stands for all where one has to. */
  readonly to: readonly [Queue, ...Queue[]];
}

/** All source queues, in the order in which the file names them first. */
export function feedsOf({ queues, routes }: Pick<Config, 'queues' | 'routes'>): Feed[] {
  const to = new Map<string, [Queue, ...Queue[]]>();
  for (const queue of queues) {
    for (const source of queue.from) {
      const others = to.get(source);
      if (others === undefined) to.set(source, [queue]);
      else others.push(queue);
    }
  }
  return [...to].map(([queue, central]) => ({
    queue,
    mode: central.length > 1 ? (routes?.[queue] ?? 'first') : undefined,
    to: central,
  }));
}

/** The central queues that central knows a source to feed. */
export interface StoredFeed {
  readonly centralQueue: string;
  /** Absent: that one alone. */
  readonly routes?: readonly string[] | undefined;
}

export const storedQueues = ({ centralQueue, routes }: StoredFeed): readonly string[] =>
  routes ?? [centralQueue];

/** Those of `wanted` that `install` has not led the source to: nothing may go there yet. */
export function notInstalled(wanted: readonly string[], stored: StoredFeed): string[] {
  const known = storedQueues(stored);
  return wanted.filter((queue) => !known.includes(queue));
}
