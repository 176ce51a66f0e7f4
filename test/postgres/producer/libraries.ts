// The libraries over PostgreSQL in whose transactions the producer sends, each as its users open and use it.
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle as overPg } from 'drizzle-orm/node-postgres';
import { drizzle as overPostgres } from 'drizzle-orm/postgres-js';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { openPrisma } from './prisma.ts';

/** Its types name what ours do not need. */
const postgres = createRequire(import.meta.url)('postgres');

export interface OpenedLibrary {
  transaction(work: (tx: object) => Promise<unknown>): Promise<unknown>;
  /** What a user gives by mistake: something of the library that is no transaction. */
  readonly outside: object;
  close(): Promise<unknown>;
}

type Open = (url: string) => OpenedLibrary;

const openPg: Open = (url) => {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  return {
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const result = await work(client);
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    outside: pool,
    close: () => pool.end(),
  };
};

export const LIBRARIES: Readonly<Record<string, Open>> = {
  pg: openPg,
  'postgres.js': (url) => {
    const sql = postgres(url, { max: 2, onnotice() {} });
    return { transaction: (work) => sql.begin(work), outside: sql, close: () => sql.end() };
  },
  knex: (url) => {
    const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
    return {
      transaction: (work) => db.transaction(work),
      outside: db,
      close: () => db.destroy(),
    };
  },
  kysely: (url) => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    return {
      transaction: (work) => db.transaction().execute(work),
      outside: db,
      close: () => db.destroy(),
    };
  },
  'drizzle over pg': (url) => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const db = overPg(pool);
    return { transaction: (work) => db.transaction(work), outside: db, close: () => pool.end() };
  },
  'drizzle over postgres.js': (url) => {
    const sql = postgres(url, { max: 2, onnotice() {} });
    const db = overPostgres(sql);
    return { transaction: (work) => db.transaction(work), outside: db, close: () => sql.end() };
  },
  prisma: (url) => {
    const client = openPrisma(new PrismaPg({ connectionString: url, max: 2 }));
    return {
      transaction: (work) => client.$transaction(work),
      outside: client,
      close: () => client.$disconnect(),
    };
  },
};
