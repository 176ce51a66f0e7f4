// The template database: the provider's PgQ, loaded once per server, copied for each test database.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Database } from '../../src/config/config.ts';
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
  await withConnection(databaseOn(server, 'postgres'), (connection) =>
    connection.query(`create database ${TEMPLATE}`),
  );
  await withConnection(databaseOn(server, TEMPLATE), (connection) => connection.script(pgqScript()));
}

function pgqScript(): string {
  if (provider() === 'extension') return 'create extension pgq';
  const files = ['tables', 'functions', 'grants'].flatMap((folder) => sqlFiles('sql', 'pgq', folder));
  return ['begin', 'set local check_function_bodies = off', ...files, 'commit'].join(';\n');
}

function sqlFiles(...folder: string[]): string[] {
  const path = packagePath(...folder);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).filter((name) => name.endsWith('.sql'));
  return names.sort().map((name) => readFileSync(packagePath(...folder, name), 'utf8'));
}

async function withConnection(
  database: Database,
  use: (connection: Connection) => Promise<unknown>,
): Promise<void> {
  const connection = await Connection.open(database, { applicationName: 'tributary test setup' });
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}
