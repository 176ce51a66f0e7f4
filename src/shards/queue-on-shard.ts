// The queues of one shard in PgQ's tables: ids, event tables, sequences. Read once per connection.
import type { CallOptions, Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';
import { type Dialect, dialectOf, snapshotTypeSql } from '../queue/dialect.ts';
import type { Provider } from '../queue/provider.ts';

export interface QueueOnShard {
  readonly queue: string;
  readonly queueId: number;
  /** The parent of the rotating event tables, schema-qualified and quoted where needed. */
  readonly eventTable: string;
  readonly provider: Provider;
  readonly dialect: Dialect;
}

const RESOLVE = sqlFile('shard', 'resolve.sql');

/** The queues that exist, by name; those that do not are absent. */
export async function resolveQueues(
  shard: Connection,
  schema: string,
  queues: readonly string[],
  options: CallOptions = {},
): Promise<Map<string, QueueOnShard>> {
  const request = literal(JSON.stringify(queues));
  const [rows = []] = await shard.script(
    fill(RESOLVE, { schema, request, snapshot_type: snapshotTypeSql(schema) }),
    options,
  );
  return new Map(
    rows.map((row) => [
      row.queue_name as string,
      {
        queue: row.queue_name as string,
        queueId: row.queue_id as number,
        eventTable: row.queue_data_pfx as string,
        provider: row.provider as Provider,
        dialect: dialectOf(row.snapshot_type),
      },
    ]),
  );
}
