// An installation to measure: a durable embedded server, shards and central on it, installed as a user would.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config, Queue } from '../../dist/config/config.js';
import { loadConfig } from '../../dist/config/load.js';
import { type Embedded, startEmbedded } from '../../dist/embedded/embedded.js';
import { install } from '../../dist/install/install.js';
import { Connection } from '../../dist/postgres/connection.js';
import { startDebian } from './debian-server.ts';

export interface BenchCluster {
  readonly server: Embedded;
  readonly config: Config;
  readonly shards: readonly Connection[];
  readonly central: Connection;
  /** URL of a database on the server, with the password. */
  url(database: string): string;
  stop(): Promise<void>;
}

export interface BenchOptions {
  readonly shards: number;
  /** YAML of `queues:`, indented by two spaces. */
  readonly queues: string;
  readonly more?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** The port through which the n-th shard is reached; default: the server's own. */
  readonly portOf?: (at: number, server: Embedded) => Promise<number>;
  /** True: PostgreSQL 15 with the pgq extension for central and shards; default: 18 with the bundled engine. */
  readonly isExtension?: boolean;
}

/** Starts the server, creates the databases, installs; all of it is gone after `stop`. */
export async function givenBench({
  shards,
  queues,
  more = '',
  settings = {},
  portOf = async (_, server) => server.port,
  isExtension = false,
}: BenchOptions): Promise<BenchCluster> {
  const options = {
    durable: true,
    settings: {
      max_connections: '600',
      shared_buffers: '512MB',
      max_wal_size: '8GB',
      checkpoint_timeout: '30min',
      ...settings,
    },
  };
  const server = await (isExtension ? startDebian(options) : startEmbedded(options));
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const url = (database: string, port = server.port) =>
    `postgres://${server.user}:${server.password}@${server.host}:${port}/${database}`;
  const names = Array.from({ length: shards }, (_, at) => `app_${String(at).padStart(3, '0')}`);
  const urls = await Promise.all(names.map(async (database, at) => url(database, await portOf(at, server))));
  const file = join(folder, 'shards.yaml');
  writeFileSync(
    file,
    `name: bench\ncentral: '${url('central')}'\nshards:\n${urls.map((one) => `  - '${one}'\n`).join('')}defaults: { tls: off }\n${more}\nqueues:\n${queues}\n`,
    { mode: 0o600 },
  );
  const { config, problems } = loadConfig(file, { env: {}, cwd: folder });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  const admin = await Connection.open(
    { ...config.central, database: 'postgres' },
    { applicationName: 'bench' },
  );
  for (const name of ['central', ...names]) {
    await admin.query(`create database ${name}`);
    if (!isExtension) continue;
    const connection = await Connection.open(
      { ...config.central, database: name },
      { applicationName: 'bench' },
    );
    await connection.query('create extension pgq');
    await connection.close();
  }
  await admin.close();
  const rows = await install(config);
  const mistakes = rows.flatMap((row) => row.mistakes);
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  const connect = (at: number) =>
    Connection.open(config.shards[at] as Config['shards'][number], { applicationName: 'bench' });
  const connections = await Promise.all(names.slice(0, 16).map((_, at) => connect(at)));
  const central = await Connection.open(config.central, { applicationName: 'bench' });
  return {
    server,
    config,
    shards: connections,
    central,
    url,
    async stop() {
      await Promise.all([...connections, central].map((connection) => connection.close()));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The event table that a queue's inserts go to now. */
export async function currentTable(connection: Connection, queue: string): Promise<string> {
  const [row] = await connection.query<{ name: string }>('select pgq.current_event_table($1) as name', [
    queue,
  ]);
  return (row as { name: string }).name;
}

export type { Queue };
