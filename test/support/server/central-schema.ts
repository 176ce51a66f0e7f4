// A central database without an installation, for tests of its functions alone.
import { type GivenDatabaseOptions, givenDatabase, type TestDatabase } from './database.ts';

/** A fresh database with PgQ, schema tributary and pgq_coop. */
export function givenCentral(options: Omit<GivenDatabaseOptions, 'pgq'> = {}): Promise<TestDatabase> {
  return givenDatabase({ ...options, pgq: 'central' });
}
