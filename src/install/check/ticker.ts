// Judges from its ticks which program ticks the queues of a database. Pure.

import type { QueueFact } from '../facts/queues.ts';
import type { ShardLease } from '../facts/shard-leases.ts';

/**
 * - `tributary`: a mover of ours holds the shard, or did while the recent ticks were made;
 * - `other`: there is a series of recent ticks and no mover of ours that could have made them;
 * - `none`: there is no recent tick, which is right as long as no mover runs and nothing is to be moved.
 */
export type TickedBy = 'tributary' | 'other' | 'none';

/** One or two recent ticks may come from an install, from a queue's creation, or from a person. */
const SERIES = 3;
/** Ticks are counted over three minutes; see facts/queues.ts. */
const COUNTED_SECONDS = 180;

export function judgeTicker(queues: readonly QueueFact[], lease: ShardLease | undefined): TickedBy {
  if (lease?.isHeld === true) return 'tributary';
  if (!queues.some(({ recentTicks }) => recentTicks >= SERIES)) return 'none';
  const freeFor = lease?.freeForSeconds;
  return freeFor !== undefined && freeFor < COUNTED_SECONDS ? 'tributary' : 'other';
}

/** Seconds since the newest tick of any of the queues. */
export function lastTickAge(queues: readonly QueueFact[]): number | undefined {
  const ages = queues.flatMap(({ newestTickAgeSeconds }) => newestTickAgeSeconds ?? []);
  return ages.length === 0 ? undefined : Math.max(0, Math.min(...ages));
}
