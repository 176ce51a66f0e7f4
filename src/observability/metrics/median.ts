// The median of what workers counted by bucket. Pure.
import { DELIVERY_BUCKET_ENDS_MS } from '../../workers/protocol.ts';

export interface Delivered {
  readonly events: number;
  /** Half of them were under way for no longer. */
  readonly medianSeconds: number;
}

/** From counts by bucket, of one worker host each; undefined: there are no events. Within a bucket events are taken as spread evenly. */
export function deliveredOf(all: readonly (readonly number[])[]): Delivered | undefined {
  const ends = DELIVERY_BUCKET_ENDS_MS;
  const counts = [...ends, 0].map((_, at) => all.reduce((sum, one) => sum + (one[at] ?? 0), 0));
  const events = counts.reduce((sum, count) => sum + count, 0);
  if (events === 0) return undefined;
  let before = 0;
  const at = counts.findIndex((count) => {
    before += count;
    return before >= events / 2;
  });
  const count = counts[at] ?? 0;
  const from = ends[at - 1] ?? 0;
  // The last bucket has no end.
  const to = ends[at] ?? from;
  const share = count === 0 ? 0 : (events / 2 - (before - count)) / count;
  return { events, medianSeconds: (from + (to - from) * share) / 1_000 };
}
