// Roles for tests: they belong to the whole server, so their names are random and they are dropped after the test file.
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { Config, Database } from '../../../src/config/config.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { identifier, literal } from '../../../src/postgres/quote.ts';
import { afterEachFile } from '../after-file.ts';
import type { TestDatabase } from './database.ts';
import { databaseOn } from './template.ts';

export interface TestRole {
  readonly name: string;
  readonly password: string;
}

const roles: { readonly name: string; readonly databases: Set<string> }[] = [];

/** @param attributes e.g. `createrole`; a login role without any right otherwise */
export async function givenRole(
  databases: readonly TestDatabase[],
  { attributes = '' }: { readonly attributes?: string } = {},
): Promise<TestRole> {
  const name = `role_${randomBytes(5).toString('hex')}`;
  const password = randomBytes(8).toString('hex');
  await asAdmin('postgres', (admin) =>
    admin.query(`create role ${identifier(name)} login password ${literal(password)} ${attributes}`),
  );
  roles.push({ name, databases: new Set(databases.map((database) => database.name)) });
  return { name, password };
}

// What a role owns goes with its databases, which may be dropped before or after this.
afterEachFile(async () => {
  for (const { name, databases } of roles.splice(0)) {
    for (const database of databases) {
      await asAdmin(database, async (admin) => {
        await admin.query(`drop owned by ${identifier(name)} cascade`);
      }).catch(() => {});
    }
    await asAdmin('postgres', (admin) => admin.query(`drop role if exists ${identifier(name)}`)).catch(
      () => {},
    );
  }
});

async function asAdmin(database: string, use: (admin: Connection) => Promise<unknown>): Promise<void> {
  const admin = await Connection.open(databaseOn(inject('server'), database), {
    applicationName: 'tributary test roles',
  });
  try {
    await use(admin);
  } finally {
    await admin.close();
  }
}

/** The configuration with another runtime role, and the test's superuser as admin where `admin` is true. */
export function withRole(config: Config, role: TestRole, { admin = true } = {}): Config {
  const { user, password } = inject('server');
  const change = <D extends Database>(database: D): D => ({
    ...database,
    user: role.name,
    password: role.password,
    ...(admin ? { admin: { user, password } } : {}),
  });
  return { ...config, central: change(config.central), shards: config.shards.map(change) };
}
