// When a worker's process has done enough and is replaced by a new one. Pure.
import type { Recycle } from '../../../config/config.ts';
import { formatDuration } from '../../../config/units.ts';
import { TIMING } from '../../../lifecycle/timing.ts';

/** What is known of a process that has nothing at hand. */
export interface Wear {
  readonly batches: number;
  readonly ageMs: number;
  readonly rssBytes: number | undefined;
}

/**
 * @param luck in [0, 1): processes that began together end up to a tenth of the age apart.
 * @returns why, as the end of a sentence; undefined: it goes on.
 */
export function wornOut(
  { batches, ageMs, rssBytes }: Wear,
  limits: Recycle,
  luck: number,
): string | undefined {
  if (limits.afterBatches !== undefined && batches >= limits.afterBatches) return `after ${batches} batches`;
  if (limits.ageMs !== undefined && ageMs >= limits.ageMs * (1 - luck / 10))
    return `after ${formatDuration(Math.round(ageMs / 1_000) * 1_000)}`;
  if (
    limits.memoryBytes !== undefined &&
    ageMs >= TIMING.slots.youngMs &&
    (rssBytes ?? 0) > limits.memoryBytes
  )
    return `because it holds ${Math.ceil((rssBytes ?? 0) / 2 ** 20)}MB`;
  return undefined;
}
