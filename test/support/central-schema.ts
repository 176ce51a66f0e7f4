// The central schema and the pgq_coop wrappers in a test database, from the package's own files.
import { migrations, sqlFiles } from '../../src/install/sql-files.ts';
import { type GivenDatabaseOptions, givenDatabase, type TestDatabase } from './database.ts';

/** A fresh database with PgQ, schema tributary and pgq_coop. */
export async function givenCentral(options: GivenDatabaseOptions = {}): Promise<TestDatabase> {
  const db = await givenDatabase(options);
  const connection = await db.connect();
  const files = [...migrations(), ...sqlFiles('sql/tributary/functions'), ...sqlFiles('sql/pgq_coop')];
  await connection.script(
    [
      'begin; set local check_function_bodies = off; create schema tributary; create schema pgq_coop;',
      ...files.map(({ text }) => text),
      'commit',
    ].join('\n'),
  );
  await connection.close();
  return db;
}
