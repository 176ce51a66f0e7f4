// The template database: the provider's PgQ, loaded once per server, copied for each test database.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../../src/config/config.ts';
import { TributaryError } from '../../src/errors/tributary-error.ts';
import { packagePath } from '../../src/lifecycle/package-root.ts';
import { Connection } from '../../src/postgres/connection.ts';
import { provider } from './provider.ts';
import type { TestServer } from './start-server.ts';

export const TEMPLATE = 'tributary_template';

export type ServerAddress = Pick<TestServer, 'host' | 'port' | 'user' | 'password'>;

/** How `database` on this server is reached. */
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

/** Makes the template; afterwards nobody is connected to it, or it could not be copied. */
export async function makeTemplate(server: ServerAddress): Promise<void> {
  await withConnection(databaseOn(server, 'postgres'), async (connection) => {
    await connection.query(`create database ${TEMPLATE}`);
  });
  await loadPgq(databaseOn(server, TEMPLATE));
}

/** The provider's PgQ into an empty database. */
export function loadPgq(database: Database): Promise<void> {
  return withConnection(database, async (connection) => {
    if (provider() === 'extension') await connection.query('create extension pgq');
    else await loadEngine(connection);
  });
}

/** In one transaction, functions before those they call. */
async function loadEngine(connection: Connection): Promise<void> {
  await connection.script('begin; set local check_function_bodies = off');
  for (const file of ['pgq/tables', 'pgq/functions', 'pgq/grants', 'pgq_ext'].flatMap(engineFiles)) {
    try {
      await connection.script(readFileSync(packagePath(file), 'utf8'));
    } catch (cause) {
      const because = cause instanceof Error ? cause.message : String(cause);
      throw new TributaryError(`The bundled engine does not load: ${file}: ${because}`, {
        code: 'test-template',
        kind: 'misconfigured',
        cause,
      });
    }
  }
  await connection.script('commit');
}

function engineFiles(part: string): string[] {
  const folder = join('sql', part);
  if (!existsSync(packagePath(folder))) return [];
  const names = readdirSync(packagePath(folder)).filter((name) => name.endsWith('.sql'));
  return names.sort().map((name) => join(folder, name));
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
