// How long events of the last minute were under way to their handlers, over all hosts.
import type { Connection } from '../../postgres/connection.ts';
import { DELIVERY_BUCKET_ENDS_MS } from '../../workers/protocol.ts';

export interface Delivered {
  readonly events: number;
  /** Half of them were under way for no longer. */
  readonly medianSeconds: number;
}

/** Of all central queues together, and of each that workers have handled events of lately. */
export interface RecentlyDelivered {
  readonly all: Delivered | undefined;
  readonly byQueue: ReadonlyMap<string, Delivered>;
}

export async function readDelivered(central: Connection, timeoutMs: number): Promise<RecentlyDelivered> {
  const rows = await central.query<{ queue: string; counts: number[] }>(
    `select d.key as queue, d.value as counts
     from tributary.member m, jsonb_each(m.details -> 'delivered') d
     where m.kind = 'work' and m.until > clock_timestamp() and jsonb_typeof(m.details -> 'delivered') = 'object'`,
    [],
    { timeoutMs },
  );
  const counted = rows.map(({ counts }) => counts);
  const names = [...new Set(rows.map(({ queue }) => queue))];
  return {
    all: deliveredOf(counted),
    byQueue: new Map(
      names.flatMap((name) => {
        const own = deliveredOf(rows.filter(({ queue }) => queue === name).map(({ counts }) => counts));
        return own === undefined ? [] : [[name, own] as const];
      }),
    ),
  };
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
