// The demo's server: an embedded PostgreSQL with the shop's role, its databases and tables.
import { readFileSync } from 'node:fs';
import type { Config, Database } from '../../config/config.ts';
import { type Embedded, startEmbedded } from '../../embedded/embedded.ts';
import { packagePath } from '../../lifecycle/package-root.ts';
import { Connection } from '../../postgres/connection.ts';
import { identifier } from '../../postgres/quote.ts';

/** As in shards.yaml: no superuser, so that a role without a password can do no harm but to the demo. */
const ROLE = 'shop';

/** @param port undefined: a free one. */
export function startServer({ shards, port }: { shards: number; port?: number }): Promise<Embedded> {
  // For each shard the mover has one connection and the shop three; workers and the rest need few.
  return startEmbedded({ maxConnections: 60 + 6 * shards, trusted: ROLE, port });
}

/** Creates the databases that the file names, empty but for the shop's own tables. */
export async function makeDatabases(server: Embedded, { central, shards }: Config): Promise<void> {
  const { host, port, user, password } = server;
  const admin: Database = {
    ...{ host, port, user, password, database: 'postgres', ticker: 'auto' },
    ...{ tls: { mode: 'off' }, displayUrl: '' },
  };
  await using(admin, async (connection) => {
    await connection.query(`create role ${ROLE} login`);
    for (const { database } of [central, ...shards])
      await connection.query(`create database ${identifier(database)} owner ${ROLE} strategy file_copy`, [], {
        timeoutMs: 60_000,
      });
  });
  await using(central, (connection) => connection.script(tablesOf('central')));
  const tables = tablesOf('shard');
  for (const shard of shards) await using(shard, (connection) => connection.script(tables));
}

const tablesOf = (place: string): string => readFileSync(packagePath('demo', 'sql', `${place}.sql`), 'utf8');

async function using(database: Database, work: (connection: Connection) => Promise<unknown>): Promise<void> {
  const connection = await Connection.open(database, { applicationName: 'tributary demo' });
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}
