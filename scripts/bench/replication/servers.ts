// Two servers of Debian's PostgreSQL 15 with the pgq extension: the shards on one, central on the other, installed as a user would.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../../dist/config/config.js';
import { loadConfig } from '../../../dist/config/load.js';
import type { Embedded } from '../../../dist/embedded/embedded.js';
import { install } from '../../../dist/install/install.js';
import { Connection } from '../../../dist/postgres/connection.js';
import { startDebian } from '../debian-server.ts';

/** A server as libpq and as we name it. */
export interface Place {
  readonly conninfo: (database: string) => string;
  readonly url: (database: string) => string;
}

export interface TwoServers {
  readonly config: Config;
  readonly shards: readonly Connection[];
  readonly central: Connection;
  /** For `create subscription`. */
  readonly conninfoOf: (at: number) => string;
  stop(): Promise<void>;
}

const DURABLE = {
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  wal_level: 'logical',
  max_logical_replication_workers: '16',
  max_worker_processes: '24',
};

export const startServer = (): Promise<Embedded> => startDebian({ durable: true, settings: DURABLE });

export const placeOf = ({ user, password, host, port }: Embedded): Place => ({
  url: (database) => `postgres://${user}:${password}@${host}:${port}/${database}`,
  conninfo: (database) => `host=${host} port=${port} dbname=${database} user=${user} password=${password}`,
});

interface Installing {
  readonly shards: number;
  readonly shardsAt: Place;
  readonly centralAt: Place;
  /** Run on each shard and on central before it is installed. */
  readonly shardSql: string;
  readonly centralSql: string;
  /** YAML. */
  readonly queues: string;
  readonly capture: string;
}

export async function installOn(options: Installing): Promise<TwoServers> {
  const { shardsAt, centralAt, queues, capture } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const names = Array.from({ length: options.shards }, (_, at) => `app_${at}`);
  const file = join(folder, 'shards.yaml');
  const lines = names.map((name) => `  - { name: ${name}, host: here, url: '${shardsAt.url(name)}' }\n`);
  writeFileSync(
    file,
    `name: bench\ncentral: '${centralAt.url('central')}'\nshards:\n${lines.join('')}defaults: { tls: off }\nqueues:\n${queues}\n${capture}\n`,
    { mode: 0o600 },
  );
  const { config, problems } = loadConfig(file, { env: {}, cwd: folder });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  const open = (database: Config['central']) => Connection.open(database, { applicationName: 'bench' });
  const make = async (database: Config['central'], sql: string): Promise<Connection> => {
    const admin = await open({ ...database, database: 'postgres' });
    await admin.query(`create database ${database.database}`);
    await admin.close();
    const connection = await open(database);
    await connection.script(`create extension pgq; ${sql}`);
    return connection;
  };
  const central = await make(config.central, options.centralSql);
  const shards: Connection[] = [];
  for (const shard of config.shards) shards.push(await make(shard, options.shardSql));
  const mistakes = (await install(config)).flatMap((row) => row.mistakes);
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return {
    config,
    shards,
    central,
    conninfoOf: (at) => shardsAt.conninfo(`app_${at}`),
    async stop() {
      await Promise.all([...shards, central].map((one) => (one.failed ? one.destroy() : one.close())));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
