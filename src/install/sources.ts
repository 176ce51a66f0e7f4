// The sources that the file asks for, and those that central knows.
import type { Config, Queue, Shard, Start } from '../config/config.ts';
import type { Connection } from '../postgres/connection.ts';

export interface WantedSource {
  /** On the shard. */
  readonly queue: string;
  readonly centralQueue: string;
  readonly start: Start | undefined;
  readonly create: boolean;
}

export interface KnownSource {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  readonly state: 'registering' | 'active' | 'halted' | 'retired';
}

/** The same for every shard of the file. */
export function wantedSources({ queues }: Config): WantedSource[] {
  return queues.flatMap((queue: Queue) =>
    queue.from.map((name) => ({
      queue: name,
      centralQueue: queue.name,
      start: queue.start,
      create: queue.create,
    })),
  );
}

/** All sources of an installation, by shard and queue. */
export async function readKnownSources(
  connection: Connection,
): Promise<ReadonlyMap<string, ReadonlyMap<string, KnownSource>>> {
  const rows = await connection.query<{
    id: number;
    shard: string;
    queue: string;
    central_queue: string;
    state: KnownSource['state'];
  }>('select id, shard, queue, central_queue, state from tributary.source');
  const byShard = new Map<string, Map<string, KnownSource>>();
  for (const { central_queue, ...row } of rows) {
    const queues = byShard.get(row.shard) ?? new Map<string, KnownSource>();
    queues.set(row.queue, { ...row, centralQueue: central_queue });
    byShard.set(row.shard, queues);
  }
  return byShard;
}

/** Sources that central knows and the file no longer asks for. */
export function leftOver(
  config: Config,
  known: ReadonlyMap<string, ReadonlyMap<string, KnownSource>>,
): KnownSource[] {
  const shards = new Set(config.shards.map((shard: Shard) => shard.name));
  const queues = new Set(wantedSources(config).map(({ queue }) => queue));
  return [...known.values()]
    .flatMap((sources) => [...sources.values()])
    .filter(
      (source) => source.state !== 'retired' && !(shards.has(source.shard) && queues.has(source.queue)),
    );
}
