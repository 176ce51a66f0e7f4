// Identifies a database whatever its URL: by the server's system identifier, which standbys share and a restored copy does
// not, and the database's oid in it.
import type { Connection } from '../postgres/connection.ts';

/** @returns undefined where the server does not tell: some managed servers do not. */
export async function readDatabaseIdentity(connection: Connection): Promise<string | undefined> {
  // In two steps: PostgreSQL checks the right to call a function before any part of the statement runs.
  const [own] = await connection.query<{ oid: number; may_read: boolean }>(
    `select oid::bigint as oid, has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may_read
       from pg_database where datname = current_database()`,
  );
  if (own?.may_read !== true) return undefined;
  const [server] = await connection.query<{ id: string }>(
    'select system_identifier::text as id from pg_catalog.pg_control_system()',
  );
  return server === undefined ? undefined : identityOf(server.id, own.oid);
}

export const identityOf = (system: string, oid: number): string => `${system}/${oid}`;
