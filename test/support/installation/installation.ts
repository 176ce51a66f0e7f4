// An installation for a test: a central database and shards, the shards.yaml that names them, and what install made of it.
import type { Config } from '../../../src/config/config.ts';
import type { InstallRow } from '../../../src/install/report.ts';
import { type GivenDatabaseOptions, givenDatabase, provider, type TestDatabase } from '../server/database.ts';
import { givenConfig } from './config-file.ts';

export interface Cluster {
  readonly central: TestDatabase;
  readonly shards: readonly TestDatabase[];
}

/** Databases for an installation, with the provider's PgQ in them. */
export async function givenCluster({
  shards = 1,
  encoding,
  isBare = false,
  server,
}: {
  readonly shards?: number;
  /** Whether central is without its schema, for tests that install it, which takes half a second. */
  readonly isBare?: boolean;
  /** One of the test's own; default: the server of the run. */
  readonly server?: GivenDatabaseOptions['server'] | undefined;
  /** Encoding of the shards; default: UTF8. */
  readonly encoding?: GivenDatabaseOptions['encoding'] | undefined;
} = {}): Promise<Cluster> {
  const on = server === undefined ? {} : { server };
  const ofShards = encoding === undefined ? on : { ...on, encoding };
  const [central, ...rest] = await Promise.all(
    Array.from({ length: shards + 1 }, (_, at) =>
      givenDatabase(at === 0 ? { ...on, pgq: isBare || 'central' } : ofShards),
    ),
  );
  return { central: central as TestDatabase, shards: rest };
}

export interface FileOptions {
  readonly name?: string;
  /** YAML of `queues:`, indented by two spaces. */
  readonly queues: string;
  /** More lines of the file. */
  readonly more?: string;
}

/** The text of a shards.yaml; shards are named s1, s2, … */
export function fileFor(
  { central, shards }: Cluster,
  { name = 'shop', queues, more = '' }: FileOptions,
): string {
  return [
    `name: ${name}`,
    `central: '${central.url}'`,
    'shards:',
    ...shards.map(({ url, schema }, at) => `  - { name: s${at + 1}, url: '${url}', schema: ${schema} }`),
    'defaults: { tls: off }',
    'queues:',
    queues,
    more,
    '',
  ].join('\n');
}

export const configFor = (cluster: Cluster, options: FileOptions): Config =>
  givenConfig(fileFor(cluster, options));

/** The rows without the fields that differ from run to run. */
export const outcomes = (rows: readonly InstallRow[]): Record<string, string> =>
  Object.fromEntries(rows.map(({ name, outcome }) => [name, outcome]));

/** A queue on a database, with `events` committed in it and its ticker as it is. */
export async function givenQueue(
  database: TestDatabase,
  queue: string,
  { events = 0 }: { readonly events?: number } = {},
): Promise<void> {
  await database.query('select pgq.create_queue($1)', [queue]);
  await givenEvents(database, queue, events);
}

export async function givenEvents(database: TestDatabase, queue: string, events: number): Promise<void> {
  await database.query('select pgq.insert_event($1, $2, n::text) from generate_series(1, $3::int) n', [
    queue,
    'test',
    events,
  ]);
}

export { provider };
