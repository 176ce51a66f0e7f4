// Handlers that write through the client with the libraries that people use over `pg`; test/types-orms.ts compiles the same.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const require = createRequire(import.meta.url);
const from = (name: string) => `'${pathToFileURL(require.resolve(name)).href}'`;

const LIBRARIES: Readonly<Record<string, string>> = {
  drizzle: `import { drizzle } from ${from('drizzle-orm/node-postgres')};
import { sql } from ${from('drizzle-orm')};
const write = (client, n) => drizzle(client).execute(sql\`insert into effect (n) values (\${n})\`);`,
  kysely: `import kysely from ${from('kysely')};
const { Kysely, PostgresDialect } = kysely;
const over = (client) => new Kysely({ dialect: new PostgresDialect({ pool: { connect: async () => client, end: async () => {} } }) });
const write = (client, n) => over(client).insertInto('effect').values({ n }).execute();`,
  knex: `import knex from ${from('knex')};
const build = knex({ client: 'pg' });
const write = (client, n) => build('effect').insert({ n }).connection(client);`,
  prisma: `import prisma from ${from('@prisma/adapter-pg')};
import pg from ${from('pg')};
const over = (client) => Object.assign(Object.create(pg.Pool.prototype), {
  query: client.query, connect: async () => client, on() {}, once() {}, removeListener() {}, end: async () => {} });
const write = async (client, n) => {
  const adapter = await new prisma.PrismaPg(over(client)).connect();
  await adapter.executeRaw({ sql: 'insert into effect (n) values ($1)', args: [n], argTypes: [] });
};`,
};

test.each(Object.entries(LIBRARIES))(
  '%s writes through the client, and what it wrote goes back where the event fails',
  async (name, text) => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./write.mjs, retry: { attempts: 1 } }',
      {
        'write.mjs': `${text}
export default { async event(event, { client }) {
  const { n } = event.json();
  await write(client, n);
  if (n === 2) throw new Error('no');
} };`,
      },
    );
    givenTicker(hosts.central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    await hosts.central.produce('orders', 3);
    await until(async () => (await hosts.central.effects()).length === 2, { what: `events by ${name}` });
    expect(await hosts.central.effects()).toEqual([1, 3]);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  },
);
