// How much disk the central queues hold.
import type { CentralLink } from './central-link.ts';

/** Bytes of the event tables, by central queue. */
export async function readHeldBytes(
  link: CentralLink,
  queues: readonly string[],
): Promise<Map<string, number>> {
  if (queues.length === 0) return new Map();
  const rows = await link.query<{ queue: string; bytes: number }>('select * from tributary.held_bytes($1)', [
    queues,
  ]);
  return new Map(rows.map(({ queue, bytes }) => [queue, bytes]));
}
