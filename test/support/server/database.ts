// A fresh database for a test, copied from the provider's template and dropped after the test file.
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { Database, Server } from '../../../src/config/config.ts';
import { Connection, type Row } from '../../../src/postgres/connection.ts';
import { identifier, literal } from '../../../src/postgres/quote.ts';
import type { PgqSchema } from '../../../src/queue/provider.ts';
import { afterEachFile } from '../after-file.ts';
import { copyStrategy, provider } from './provider.ts';
import {
  CENTRAL_TEMPLATE,
  databaseOn,
  loadPgq,
  makeCentralTemplate,
  makeTemplate,
  type ServerAddress,
  TEMPLATE,
} from './template.ts';

export { provider };

export interface TestDatabase {
  readonly name: string;
  /** With the password, for shards.yaml and child processes. */
  readonly url: string;
  readonly database: Database;
  /** Schema of its PgQ. */
  readonly schema: PgqSchema;
  /** Uses one connection that is opened at the first call, again after a failure, and closed after the test file. */
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** A connection of its own, closed after the test file at the latest. */
  connect(): Promise<Connection>;
}

export interface GivenDatabaseOptions {
  /** False: an empty database. `central`: with PgQ and the central schema, as `install` leaves them but for its name. */
  readonly pgq?: boolean | 'central';
  /** Default: a new random name. */
  readonly name?: string;
  /** One from `givenServer`; default: the server of the run. */
  readonly server?: ServerAddress;
  /** Default: UTF8. */
  readonly encoding?: 'SQL_ASCII' | 'LATIN1' | 'WIN1252';
}

/** For statements of tests, which make 100 000 events at once, or wait for a checkpoint, on a machine that other tests use too. */
const PATIENT = { timeoutMs: 110_000 };

const connections: Connection[] = [];
const databases: string[] = [];
const templates = new WeakMap<ServerAddress, Promise<void>>();
const centralTemplates = new WeakMap<ServerAddress, Promise<void>>();

/** Makes and drops the databases of a test file on the server of the run. */
let ofRun: Promise<Connection> | undefined;

afterEachFile(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
  for (const name of databases.splice(0))
    await asAdmin(inject('server'), `drop database if exists ${identifier(name)} with (force)`);
  const admin = ofRun;
  ofRun = undefined;
  await (await admin)?.close();
});

/** The engine's or the extension's PgQ is in it unless `pgq` is false. */
export async function givenDatabase(options: GivenDatabaseOptions = {}): Promise<TestDatabase> {
  const { pgq = true, name = `test_${randomBytes(6).toString('hex')}`, server = inject('server') } = options;
  const { encoding } = options;
  if (options.server === undefined) databases.push(name);
  else if (pgq) await templateOn(server);
  if (options.server !== undefined && pgq === 'central') await centralTemplateOn(server);
  const template = pgq === 'central' ? CENTRAL_TEMPLATE : pgq ? TEMPLATE : 'template0';
  await asAdmin(
    server,
    // A copy has the encoding of what it is copied from; only template0 may be copied into another.
    encoding === undefined
      ? `create database ${identifier(name)} template ${template} ${copyStrategy()}`
      : `create database ${identifier(name)} template template0 encoding ${literal(encoding)}`,
  );
  if (encoding !== undefined && pgq) await loadPgq(databaseOn(server, name));
  return testDatabase(server, name);
}

/** The same database where `standby` may take its server's place: whoever connects finds the one that takes writes. */
export function alsoOn({ database, url }: TestDatabase, { host, port }: Server): TestDatabase {
  const servers = [
    { host: database.host, port: database.port },
    { host, port },
  ];
  const place = `${database.host}:${database.port}`;
  return withDatabase({ ...database, servers }, url.replace(`@${place}/`, `@${place},${host}:${port}/`));
}

function testDatabase(server: ServerAddress, name: string): TestDatabase {
  return withDatabase(
    databaseOn(server, name),
    `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${encodeURIComponent(name)}`,
  );
}

function withDatabase(database: Database, url: string): TestDatabase {
  const connect = async () => {
    const connection = await Connection.open(database, { applicationName: 'tributary test' });
    connections.push(connection);
    return connection;
  };
  let shared: Promise<Connection> | undefined;
  return {
    name: database.database,
    url,
    database,
    schema: 'pgq',
    connect,
    async query<R = Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
      if (shared !== undefined && (await shared.catch(() => undefined))?.failed !== false) shared = undefined;
      shared ??= connect();
      return (await shared).query<R>(text, values, PATIENT);
    },
  };
}

/** The run's server got its template before the tests began; a test's own server gets it at its first database. */
function templateOn(server: ServerAddress): Promise<void> {
  const made = templates.get(server) ?? makeTemplate(server);
  templates.set(server, made);
  return made;
}

function centralTemplateOn(server: ServerAddress): Promise<void> {
  const made = centralTemplates.get(server) ?? makeCentralTemplate(server);
  centralTemplates.set(server, made);
  return made;
}

async function asAdmin(server: ServerAddress, statement: string): Promise<void> {
  if (server.port === inject('server').port) {
    const last = ofRun;
    if (last !== undefined && (await last.catch(() => undefined))?.failed !== false && ofRun === last)
      ofRun = undefined;
    ofRun ??= openAdmin(server);
    await (await ofRun).query(statement, [], PATIENT);
    return;
  }
  const admin = await openAdmin(server);
  try {
    await admin.query(statement, [], PATIENT);
  } finally {
    await admin.close();
  }
}

function openAdmin(server: ServerAddress): Promise<Connection> {
  return Connection.open(databaseOn(server, 'postgres'), { applicationName: 'tributary test admin' });
}
