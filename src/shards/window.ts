// A window of one source: the events between two ticks, and what is read of them.
import type { Config, Queue, RouteMode, Shard } from '../config/config.ts';
import { feedsOf } from '../config/feeds.ts';
import type { QueueOnShard } from './queue-on-shard.ts';
import type { Tick } from './ticks.ts';

export interface Window {
  readonly queue: QueueOnShard;
  readonly start: Tick;
  readonly end: Tick;
  /** Inside a window that was begun: rows up to this event id have been moved. */
  readonly afterEventId: number | undefined;
  /**
   * Reads whole tables, and takes events that are behind the start by their ids, even where the start's snapshot counts
   * their transactions as ended: a younger server gives out such transaction ids. Default: not.
   */
  readonly isThorough?: boolean;
}

/** How the events of one source are read: the same for all its windows. */
export interface Reading {
  readonly shard: string;
  readonly queue: string;
  readonly where: string | undefined;
  /** When an event is due; undefined: at once, and it is no delayed event. */
  readonly deliverAt?: string | undefined;
  /** Its unique key; undefined: it has none. */
  readonly uniqueKey?: string | undefined;
  readonly columns: Queue['columns'];
  /** Whether events get the id of their transaction in extra3. */
  readonly hasTransactionIds?: boolean | undefined;
  readonly origin: Queue['origin'];
  /** Of a source that feeds several central queues: how its events are read for each. Then `where` and `columns` say nothing. */
  readonly routing?: Routing | undefined;
}

export interface Routing {
  readonly mode: RouteMode;
  readonly to: readonly RouteReading[];
}

/** How a source is read for one of its central queues. */
export interface RouteReading extends Reading {
  readonly central: string;
}

/** Whether any of its events may have to wait: then all of them come with a due time in front. */
export const isDelayingReading = ({ deliverAt, routing }: Reading): boolean =>
  deliverAt !== undefined || routing?.to.some((route) => route.deliverAt !== undefined) === true;

/** An expression of the file in brackets of its own: a newline before the closing one, so that nothing in it reaches that far. */
export const bracketed = (expression: string): string => `(${expression}\n)`;

/** The run that delivers decides about keys: events that might have one wait for it, if only for a moment. */
function dueOf({ deliverAt, unique }: Queue): string | undefined {
  if (unique === undefined) return deliverAt;
  const long = "timestamptz '2000-01-01 UTC'";
  return deliverAt === undefined ? long : `coalesce(${bracketed(deliverAt)}::timestamptz, ${long})`;
}

/** How a source is read, and where the file leads it: `central` is the first of `to`. */
export interface ReadFeed {
  readonly reading: Reading;
  readonly central: Queue;
  readonly to: readonly Queue[];
}

/** The readings of one shard by source queue, and the central queues that each feeds: the first one stands for all. */
export function readingsOf(config: Config, shard: Shard): Map<string, ReadFeed> {
  return new Map(
    feedsOf(config).map(({ queue, mode, to }) => {
      const [central] = to;
      const own = { shard: shard.name, queue };
      const reading: Reading =
        mode === undefined
          ? readingFor(own, central)
          : {
              ...{ ...own, where: undefined, columns: {}, origin: central.origin },
              routing: { mode, to: to.map((one) => ({ ...readingFor(own, one), central: one.name })) },
            };
      return [queue, { central, to, reading }];
    }),
  );
}

const readingFor = (own: Pick<Reading, 'shard' | 'queue'>, central: Queue): Reading => ({
  ...own,
  where: central.where,
  deliverAt: dueOf(central),
  uniqueKey: central.unique?.key,
  columns: central.columns,
  hasTransactionIds: central.hasTransactionIds,
  origin: central.origin,
});

/**
 * The same events read queue by queue, as if each of its central queues had the source alone; `fallback` is where a source
 * without routes leads to.
 */
export function readingsApart(reading: Reading, fallback: string): RouteReading[] {
  const { routing } = reading;
  if (routing === undefined) return [{ ...reading, central: fallback }];
  const { mode, to } = routing;
  return to.map((route, k) => {
    const before = mode === 'all' ? [] : to.slice(0, k);
    if (before.length === 0) return route;
    const others = before.map(({ where }) => `when ${conditionOf(where)} then false`).join(' ');
    return { ...route, where: `case ${others} else ${conditionOf(route.where)} end` };
  });
}

export const conditionOf = (where: string | undefined): string =>
  where === undefined ? 'true' : bracketed(where);
