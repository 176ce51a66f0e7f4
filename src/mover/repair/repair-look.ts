// Looks at what a repair would move: the events of each central queue of the source, and those that central holds already.
import { KnownEvents, readKnownEvents } from '../../central/history.ts';
import { namesOf } from '../../central/known-shards.ts';
import type { StoredSource } from '../../central/positions.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { QueueOnShard } from '../../shards/queue-on-shard.ts';
import type { Tick } from '../../shards/ticks.ts';
import type { RouteReading } from '../../shards/window.ts';
import type { Way } from './repair-plan.ts';
import { type HeldEvents, type RepairWindow, rowsWithout, type Survey, survey } from './repair-window.ts';

export interface RepairConnections {
  readonly central: Connection;
  readonly shard: Connection;
}

/** A source to be repaired, as it was found. */
export interface HaltedSource {
  readonly stored: StoredSource;
  /** How the source is read for each of its central queues. */
  readonly routes: readonly RouteReading[];
  /** An event that one of them holds is held: no two get it. */
  readonly isHeldByAny: boolean;
  readonly onShard: QueueOnShard;
  readonly ways: readonly Way[];
  readonly wholeBytes: number;
  /** Events may be there whose transactions count as moved: see judge.ts. */
  readonly isThorough: boolean;
}

export interface RepairCounts {
  readonly moves: number;
  readonly leavesOut: number;
}

/** What there is for one of the central queues. */
export interface RouteEvents {
  readonly route: RouteReading;
  readonly all: Survey;
  readonly known: HeldEvents;
}

/** RepairCounts the events for each central queue, and those of them that central holds. */
export async function lookAtEvents(
  way: Way,
  found: HaltedSource,
  { central, shard }: RepairConnections,
): Promise<readonly RouteEvents[]> {
  const oldest = found.ways.find(({ choice }) => choice === 'take-over')?.start as Tick;
  const window = { start: way.start ?? oldest, end: way.end };
  const surveyed: { readonly route: RouteReading; readonly all: Survey }[] = [];
  for (const route of found.routes)
    surveyed.push({ route, all: await survey(shard, repairWindowOf(found, route, window)) });
  const from = Math.min(...surveyed.map(({ all }) => all.from));
  const to = Math.max(...surveyed.map(({ all }) => all.to));
  const looked: RouteEvents[] = [];
  for (const { route, all } of surveyed) {
    const isAsked = way.leavesOutHeld && route.origin !== 'none' && from <= to;
    const known = isAsked
      ? await readKnownEvents(central, {
          queue: route.central,
          column: `ev_${route.origin}`,
          prefixes: (await namesOf(central, route.shard)).map((name) => `${name}:${route.queue}:`),
          ...{ from, to },
        })
      : new KnownEvents();
    looked.push({ route, all, known });
  }
  if (!found.isHeldByAny) return looked;
  const held = looked.map(({ known }) => known);
  const known: HeldEvents = {
    size: held.reduce((sum, { size }) => sum + size, 0),
    has: (id, timeUs) => held.some((one) => one.has(id, timeUs)),
  };
  return looked.map((one) => ({ ...one, known }));
}

export const eventsIn = (looked: readonly RouteEvents[]): number =>
  looked.reduce((sum, { all }) => sum + all.rows, 0);

/** RepairCounts what would be moved, without moving it. */
export async function measureWay(
  way: Way,
  found: HaltedSource,
  connections: RepairConnections,
): Promise<RepairCounts> {
  const looked = await lookAtEvents(way, found, connections);
  const { start, end } = way;
  if (start === undefined) return { moves: 0, leavesOut: eventsIn(looked) };
  let moves = 0;
  for (const { route, all, known } of looked) {
    if (known.size === 0) {
      moves += all.rows;
      continue;
    }
    const window = repairWindowOf(found, route, { start, end });
    for await (const { rows } of rowsWithout(known, connections.shard, window)) moves += rows;
  }
  return { moves, leavesOut: eventsIn(looked) - moves };
}

export function repairWindowOf(
  { onShard, wholeBytes, isThorough }: HaltedSource,
  reading: RouteReading,
  { start, end }: { readonly start: Tick; readonly end: Tick },
): RepairWindow {
  return { window: { queue: onShard, start, end, afterEventId: undefined, isThorough }, reading, wholeBytes };
}
