// Registers sources in central: before the shard is changed as `registering`, after it as active with a position.
//
// Order: the source is committed as registering, then the consumer is registered on the shard, then the position is stored
// together with the state active.
// Fails by: a crash before the registration leaves a registering source that the next install begins; a crash after it, one
// whose registration the next install finds on the shard and whose position it takes from there.
import type { Connection } from '../postgres/connection.ts';
import type { WantedSource } from './facts/sources.ts';
import type { RegistrationTick } from './plan/queue-steps.ts';

export interface RegisteredSource {
  readonly id: number;
  readonly queue: string;
  readonly state: string;
}

export type FedSource = Pick<WantedSource, 'queue' | 'centralQueue' | 'routes'>;

/** Also brings the central queue of known sources up to date with the file. */
export function registerSources(
  central: Connection,
  shard: string,
  sources: readonly FedSource[],
): Promise<RegisteredSource[]> {
  return central.query<RegisteredSource>('select id, queue, state from tributary.register_sources($1, $2)', [
    shard,
    JSON.stringify(sources.map(asStored)),
  ]);
}

/** As tributary.register_sources wants it. */
export const asStored = ({ queue, centralQueue, routes }: FedSource) => ({
  queue,
  central_queue: centralQueue,
  ...(routes === undefined ? {} : { routes }),
});

/**
 * Stores the first positions of a shard's registering sources.
 * @param fingerprints rows of `fingerprintsSql`
 * @returns the queues whose tick was gone, so that no position could be stored
 */
export async function createPositions(
  central: Connection,
  sources: readonly RegisteredSource[],
  fingerprints: readonly RegistrationTick[],
): Promise<string[]> {
  const idOf = new Map(sources.map(({ queue, id }) => [queue, id]));
  const known = fingerprints
    .filter(({ queue, tick_snapshot_md5 }) => tick_snapshot_md5 !== null && idOf.has(queue))
    .map((row) => ({ ...row, source: idOf.get(row.queue) }));
  await central.query(
    `select tributary.create_position(r.source, r.tick_id, r.tick_time_us, r.tick_event_seq, r.tick_snapshot_md5)
       from jsonb_to_recordset($1) as r (source integer, tick_id bigint, tick_time_us bigint, tick_event_seq bigint,
                                         tick_snapshot_md5 text)`,
    [JSON.stringify(known)],
  );
  const stored = new Set(known.map(({ source }) => source));
  return sources.filter(({ id }) => !stored.has(id)).map(({ queue }) => queue);
}
