// The template databases: the provider's PgQ, and with it the central schema; made once per server, copied for each test database.
import type { Config, Database } from '../../../src/config/config.ts';
import { applyEngine } from '../../../src/install/install-engine.ts';
import { runSteps } from '../../../src/install/plan/steps.ts';
import { surveyCentral } from '../../../src/install/survey.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { provider } from './provider.ts';
import type { TestServer } from './start-server.ts';

export const TEMPLATE = 'tributary_template';
export const CENTRAL_TEMPLATE = 'tributary_central_template';

export type ServerAddress = Pick<TestServer, 'host' | 'port' | 'user' | 'password'>;

/** The address of `database` on this server. */
export function databaseOn(server: ServerAddress, database: string): Database {
  const { host, port, user, password } = server;
  return {
    host,
    port,
    database,
    user,
    password,
    tls: { mode: 'off' },
    displayUrl: `postgres://${user}@${host}:${port}/${database}`,
    ticker: 'auto',
  };
}

/** Makes the template. Afterwards no session is connected to it: else it could not be copied. */
export async function makeTemplate(server: ServerAddress): Promise<void> {
  await withConnection(databaseOn(server, 'postgres'), async (connection) => {
    await connection.query(`create database ${TEMPLATE}`);
  });
  await loadPgq(databaseOn(server, TEMPLATE));
}

/** Makes the template of central databases from the other one: as `install` leaves them, but for the installation's name. */
export async function makeCentralTemplate(server: ServerAddress): Promise<void> {
  await withConnection(databaseOn(server, 'postgres'), async (connection) => {
    await connection.query(`create database ${CENTRAL_TEMPLATE} template ${TEMPLATE}`);
  });
  const central = databaseOn(server, CENTRAL_TEMPLATE);
  await withConnection(central, async (connection) => {
    const config = { name: 'template', central, shards: [], queues: [] } as unknown as Config;
    const { plan } = await surveyCentral(connection, config);
    await runSteps(connection, plan.schemaSteps);
    await connection.query('delete from tributary.identity');
  });
}

/** Installs the provider's PgQ in an empty database. */
export function loadPgq(database: Database): Promise<void> {
  return withConnection(database, async (connection) => {
    if (provider() === 'extension') await connection.query('create extension pgq');
    else await applyEngine(connection);
  });
}

async function withConnection(
  database: Database,
  use: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = await Connection.open(database, { applicationName: 'tributary test setup' });
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}
