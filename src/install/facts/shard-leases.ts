// Reads from central's leases which machine moves which shard.
import type { Connection } from '../../postgres/connection.ts';
import { shardResource } from '../../queue/names.ts';

export interface ShardLease {
  /** The machine of its holder, also of the last one. */
  readonly host: string | undefined;
  readonly isHeld: boolean;
  /** How long the lease has been free; undefined while it is held. */
  readonly freeForSeconds: number | undefined;
}

/** By shard; none where no lease was ever taken. */
export async function readShardLeases(connection: Connection): Promise<ReadonlyMap<string, ShardLease>> {
  const prefix = shardResource('');
  const rows = await connection.query<{
    resource: string;
    host: string | null;
    is_held: boolean;
    free_seconds: number | null;
  }>(
    `select resource, host, is_held,
            extract(epoch from clock_timestamp() - coalesce(freed_at, until))::float8 as free_seconds
       from tributary.lease where starts_with(resource, $1)`,
    [prefix],
  );
  return new Map(
    rows.map(({ resource, host, is_held, free_seconds }) => [
      resource.slice(prefix.length),
      {
        host: host ?? undefined,
        isHeld: is_held,
        freeForSeconds: is_held ? undefined : (free_seconds ?? undefined),
      },
    ]),
  );
}
