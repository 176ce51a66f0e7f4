// The sources that the file asks for, and those that central knows.
import type { Config, Queue, Shard, StartingPoint } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';

export interface WantedSource {
  /** On the shard. */
  readonly queue: string;
  readonly centralQueue: string;
  readonly start: StartingPoint | undefined;
  /** The start is from this shard's entry, and not from its queue, which counts for all shards. */
  readonly isOwnStart: boolean;
  readonly create: boolean;
}

export interface KnownSource {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  readonly state: 'registering' | 'active' | 'halted' | 'retired';
}

/** The same for every shard of the file, but for where they begin. */
export function wantedSources({ queues }: Config, shard?: Shard): WantedSource[] {
  return queues.flatMap((queue: Queue) =>
    queue.from.map((name) => ({
      queue: name,
      centralQueue: queue.name,
      start: shard?.start ?? queue.start,
      isOwnStart: shard?.start !== undefined,
      create: queue.create,
    })),
  );
}

/** Sources by the queue's name on the shard. */
export type KnownSources = ReadonlyMap<string, KnownSource>;

/** The sources of one shard, also those that were let go. */
export async function readSourcesOf(connection: Connection, shard: string): Promise<KnownSources> {
  const rows = await connection.query<SourceRow>(`${SOURCES_SQL} where shard = $1`, [shard]);
  return new Map(rows.map((row) => [row.queue, sourceOf(row)]));
}

/** All sources of an installation. */
export async function readKnownSources(connection: Connection): Promise<KnownSource[]> {
  return (await connection.query<SourceRow>(`${SOURCES_SQL} order by shard, queue`)).map(sourceOf);
}

/** Sources that central knows and the file no longer asks for. */
export function leftOver(config: Config, known: readonly KnownSource[]): KnownSource[] {
  const shards = new Set(config.shards.map((shard: Shard) => shard.name));
  const queues = new Set(wantedSources(config).map(({ queue }) => queue));
  return known.filter(
    (source) => source.state !== 'retired' && !(shards.has(source.shard) && queues.has(source.queue)),
  );
}

interface SourceRow extends Omit<KnownSource, 'centralQueue'> {
  readonly central_queue: string;
}

const SOURCES_SQL = 'select id, shard, queue, central_queue, state from tributary.source';

const sourceOf = ({ central_queue, ...row }: SourceRow): KnownSource => ({
  ...row,
  centralQueue: central_queue,
});
