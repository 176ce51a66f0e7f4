// What movers saw of their shards, as central stores it.
import type { CentralLink } from '../central/central-link.ts';
import type { Connection } from '../postgres/connection.ts';
import type { RotationFacts, ShardReport } from './held.ts';

/** What a mover saw of a shard, some time ago. */
export interface StoredShardReport extends ShardReport {
  readonly shard: string;
  readonly ageSeconds: number;
}

export async function storeShardReports(
  link: CentralLink,
  reports: readonly StoredShardReport[],
): Promise<void> {
  await link.query('select tributary.store_shards($1)', [
    JSON.stringify(reports.map(({ ageSeconds, ...report }) => ({ age_s: ageSeconds, ...report }))),
  ]);
}

/** By shard, however old. */
export async function readShardReports(
  central: Connection,
  timeoutMs: number,
): Promise<ReadonlyMap<string, StoredShardReport>> {
  const rows = await central.query<{
    shard: string;
    age_s: number;
    server: string;
    database: string;
    queues: string[];
    held: RotationFacts[];
    captured: string | null;
  }>(
    `select shard, extract(epoch from clock_timestamp() - at)::float8 as age_s, server, database, queues, held, captured
     from tributary.shard_report`,
    [],
    { timeoutMs },
  );
  return new Map(
    rows.map(({ age_s, captured, ...row }) => [
      row.shard,
      { ...row, ageSeconds: age_s, captured: captured ?? undefined },
    ]),
  );
}
