// Compiled, not run: `client` is what each library over `pg` takes.
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { defineHandler, type HandlerClient } from '../src/index.ts';

interface Tables {
  invoice: { origin: string };
}

const builder = knex({ client: 'pg' });
const kysely = (client: HandlerClient) =>
  new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: { connect: async () => client, end: async () => {} } }),
  });

let own: pg.Pool;

export const handler = defineHandler({
  async setup({ log }) {
    own = new pg.Pool();
    log.info('open');
  },
  async teardown() {
    await own.end();
  },
  async event({ origin }, { client }) {
    await drizzle(client).execute('select 1');
    await kysely(client)
      .insertInto('invoice')
      .values({ origin: String(origin) })
      .execute();
    await builder('invoice')
      .insert({ origin: String(origin) })
      .connection(client);
    void new PrismaPg(own);
  },
});
