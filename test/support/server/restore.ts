// Databases that go back in time: a copy is taken, and later takes the place of what it was copied from.
import { inject } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { identifier } from '../../../src/postgres/quote.ts';
import { givenDatabase, type TestDatabase } from './database.ts';
import { copyStrategy } from './provider.ts';
import { databaseOn } from './template.ts';

export interface Backup {
  /** Drops the database as it is now and puts the copy in its place. */
  restore(): Promise<void>;
}

/** Ends all connections to it: a database that is in use cannot be copied. */
export async function givenBackup({ name }: TestDatabase): Promise<Backup> {
  const copy = `${name}_copy`;
  await asAdmin(async (admin) => {
    await admin.query(`alter database ${identifier(name)} with allow_connections false`);
    await admin.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [
      name,
    ]);
    await admin.query(`create database ${identifier(copy)} template ${identifier(name)} ${copyStrategy()}`);
    await admin.query(`alter database ${identifier(name)} with allow_connections true`);
  });
  return {
    restore: () =>
      asAdmin(async (admin) => {
        await admin.query(`drop database ${identifier(name)} with (force)`);
        await admin.query(`alter database ${identifier(copy)} rename to ${identifier(name)}`);
      }),
  };
}

/** Another database with all that this one has; whoever is connected is cut off for a moment. */
export async function givenCopy({ name }: TestDatabase): Promise<TestDatabase> {
  const copy = await givenDatabase({ pgq: false });
  await asAdmin(async (admin) => {
    await admin.query(`alter database ${identifier(name)} with allow_connections false`);
    await admin.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [
      name,
    ]);
    await admin.query(`drop database ${identifier(copy.name)}`);
    await admin.query(
      `create database ${identifier(copy.name)} template ${identifier(name)} ${copyStrategy()}`,
    );
    await admin.query(`alter database ${identifier(name)} with allow_connections true`);
  });
  return copy;
}

async function asAdmin(use: (admin: Connection) => Promise<void>): Promise<void> {
  const admin = await Connection.open(databaseOn(inject('server'), 'postgres'), {
    applicationName: 'tributary test admin',
  });
  try {
    await use(admin);
  } finally {
    await admin.close();
  }
}
