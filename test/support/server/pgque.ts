// A database with a PgQ of PgQue's types of columns and signatures, see pgque.sql.
import { readFileSync } from 'node:fs';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { fill } from '../../../src/postgres/sql-file.ts';
import { adminRoleOf, type PgqSchema } from '../../../src/queue/provider.ts';
import { givenDatabase, type TestDatabase } from './database.ts';

/** @param schema with `pgq`, programs that know only the other PgQs can be tried on it. */
export async function givenPgque({
  schema = 'pgque',
}: {
  readonly schema?: PgqSchema;
} = {}): Promise<TestDatabase> {
  const database = await givenDatabase({ pgq: false });
  const connection = await database.connect();
  const text = readFileSync(packagePath('test', 'support', 'server', 'pgque.sql'), 'utf8');
  await connection.script(`begin;\n${fill(text, { schema, admin: adminRoleOf(schema) })};\ncommit`);
  return { ...database, schema };
}
