// The sources that the file asks for, and those that central knows.
import type { Config, Shard, StartingPoint } from '../../config/config.ts';
import { feedsOf } from '../../config/feeds.ts';
import type { Connection } from '../../postgres/connection.ts';

export interface WantedSource {
  /** On the shard. */
  readonly queue: string;
  readonly centralQueue: string;
  /** All central queues that it feeds, where there are several; `centralQueue` is the first. */
  readonly routes?: readonly string[];
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
  readonly routes?: readonly string[];
  readonly state: 'registering' | 'active' | 'halted' | 'retired';
}

/** The same for every shard of the file, but for where they begin. */
export function wantedSources(config: Pick<Config, 'queues' | 'routes'>, shard?: Shard): WantedSource[] {
  return feedsOf(config).map(({ queue, mode, to }) => ({
    queue,
    centralQueue: to[0].name,
    ...(mode === undefined ? {} : { routes: to.map(({ name }) => name) }),
    start: shard?.start ?? to.find(({ start }) => start !== undefined)?.start,
    isOwnStart: shard?.start !== undefined,
    create: to.some(({ create }) => create),
  }));
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

interface SourceRow extends Omit<KnownSource, 'centralQueue' | 'routes'> {
  readonly central_queue: string;
  readonly routes: string[] | null;
}

// Before the migration that adds it there is no such column: the row says what it has.
const SOURCES_SQL = `select s.id, s.shard, s.queue, s.central_queue, s.state, to_jsonb(s) -> 'routes' as routes
  from tributary.source s`;

const sourceOf = ({ central_queue, routes, ...row }: SourceRow): KnownSource => ({
  ...row,
  centralQueue: central_queue,
  ...(routes === null ? {} : { routes }),
});
