// A window of one source: the events between two ticks, and what is read of them.
import type { Config, Queue, Shard } from '../config/config.ts';
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
  readonly origin: Queue['origin'];
}

/** An expression of the file in brackets of its own: a newline before the closing one, so that nothing in it reaches that far. */
export const bracketed = (expression: string): string => `(${expression}\n)`;

/** The run that delivers decides about keys: events that might have one wait for it, if only for a moment. */
function dueOf({ deliverAt, unique }: Queue): string | undefined {
  if (unique === undefined) return deliverAt;
  const long = "timestamptz '2000-01-01 UTC'";
  return deliverAt === undefined ? long : `coalesce(${bracketed(deliverAt)}::timestamptz, ${long})`;
}

/** The readings of one shard by source queue, and the central queue that each feeds. */
export function readingsOf(config: Config, shard: Shard): Map<string, { reading: Reading; central: Queue }> {
  const entries = config.queues.flatMap((central) =>
    central.from.map((queue): [string, { reading: Reading; central: Queue }] => [
      queue,
      {
        central,
        reading: {
          shard: shard.name,
          queue,
          where: central.where,
          deliverAt: dueOf(central),
          uniqueKey: central.unique?.key,
          columns: central.columns,
          origin: central.origin,
        },
      },
    ]),
  );
  return new Map(entries);
}
