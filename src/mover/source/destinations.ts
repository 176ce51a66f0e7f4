// Where a source leads to: its central queues, and the gatherer that brings its parcels there. Pure.
import type { Config } from '../../config/config.ts';
import { feedsOf } from '../../config/feeds.ts';
import type { Reading } from '../../shards/window.ts';

/** What tells the gatherer of a source. */
export interface Led {
  readonly queue: string;
  readonly centralQueue: string;
  readonly reading: Pick<Reading, 'routing'>;
}

/** The name of a central queue's gatherer, among the mover's services too. */
export const gathererName = (queue: string): string => `gatherer ${queue}`;

/** That of the gatherer of a source queue with routes. */
const routesName = (queue: string): string => `routes ${queue}`;

/** The gatherers that a file needs, each with the central queues that it commits into. */
export function gatherersOf(config: Pick<Config, 'queues' | 'routes'>): Map<string, readonly string[]> {
  const routed = feedsOf(config).filter(({ mode }) => mode !== undefined);
  return new Map([
    ...config.queues.map(({ name }): [string, string[]] => [gathererName(name), [name]]),
    ...routed.map(({ queue, to }): [string, string[]] => [routesName(queue), to.map(({ name }) => name)]),
  ]);
}

export const gathererOf = ({ queue, centralQueue, reading }: Led): string =>
  reading.routing === undefined ? gathererName(centralQueue) : routesName(queue);

export const destinationsOf = ({ centralQueue, reading }: Led): readonly string[] =>
  reading.routing?.to.map(({ central }) => central) ?? [centralQueue];
