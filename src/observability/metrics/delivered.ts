// How long events of the last minute were under way to their handlers, over all hosts.
import type { Connection } from '../../postgres/connection.ts';
import { type Delivered, deliveredOf } from './median.ts';

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
