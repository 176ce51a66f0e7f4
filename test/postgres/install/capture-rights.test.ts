// Who may capture tables and write to captured ones, what an addition does, and tables that are in use.
import { expect, test } from 'vitest';
import { captureOnShards } from '../../../src/install/capture/on-shards.ts';
import { install } from '../../../src/install/install.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { configFor, givenCluster } from '../../support/installation/installation.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenRole, withRole } from '../../support/server/roles.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  changes: { workers: none, create: true }';
const MORE = "capture: { sales: { tables: 'public.order*', queue: changes } }";

const written = async (shard: TestDatabase) =>
  (await shard.query<{ t: string }>('select ev_type as t from pgq.event_template order by ev_id')).length;

test('only an owner gives a table triggers, and roles that write to it get the right to put events into queues', async () => {
  const cluster = await givenCluster();
  const [shard] = cluster.shards as [TestDatabase];
  const [owner, app, mover] = await Promise.all([1, 2, 3].map(() => givenRole(cluster.shards)));
  if (owner === undefined || app === undefined || mover === undefined) throw new Error('three roles');
  await shard.query(`create table orders (id int primary key); alter table orders owner to ${owner.name};
    grant insert on orders to ${app.name}; grant usage on schema public to ${app.name}, ${owner.name}`);
  const config = configFor(cluster, { queues: QUEUES, more: MORE });
  await install({ ...config, captures: [] });

  const [refused] = await captureOnShards(
    { ...config, shards: withRole(config, mover, { admin: false }).shards },
    { isDryRun: false },
  );
  expect(refused?.did).toEqual([]);
  expect(refused?.mistakes).toEqual([
    expect.stringContaining(`\`grant "${owner.name}" to "${mover.name}"\`, or give \`admin:\` such a role.`),
  ]);

  // A member of the owner, who may not grant what the application needs.
  await shard.query(`grant ${owner.name} to ${mover.name}`);
  const [blocked] = await captureOnShards(
    { ...config, shards: withRole(config, mover, { admin: false }).shards },
    { isDryRun: false },
  );
  expect(blocked?.did).toEqual([]);
  expect(blocked?.mistakes.join()).toContain(`\`grant "pgq_writer" to "${app.name}"\``);

  const [row] = await captureOnShards(config, { isDryRun: false });
  expect(row?.did).toHaveLength(3);
  expect(row?.did).toContain(`let role ${app.name} put events into queues (pgq_writer)`);
  const database = { ...shard.database, user: app.name, password: app.password };
  const client = await Connection.open(database, { applicationName: 'test' });
  try {
    await client.query('insert into orders values (1)');
  } finally {
    await client.close();
  }
  expect(await written(shard)).toBe(1);
});

test('an addition brings triggers to what has none, and renews nothing', async () => {
  const cluster = await givenCluster();
  const [shard] = cluster.shards as [TestDatabase];
  await shard.query('create table orders (id int primary key)');
  const config = configFor(cluster, { queues: QUEUES, more: MORE });
  await install({ ...config, captures: [] });
  const added = await install(config, { isAddition: true });
  expect(added.flatMap(({ did }) => did).filter((what) => what.startsWith('capture'))).toHaveLength(1);
  await shard.query('alter table orders add note text; create table order_items (id int primary key)');
  const again = await install(config, { isAddition: true });
  expect(again.flatMap(({ did }) => did)).toEqual([
    'capture public.order_items into queue changes by jsontriga (capture sales)',
  ]);
  const [row] = await captureOnShards(config, { isDryRun: true });
  expect(row?.tables?.map(({ table, state }) => [table, state])).toEqual([
    ['public.order_items', 'captured'],
    ['public.orders', 'changed'],
  ]);
});

test('a table that is in use is tried again, and its writers go on meanwhile', async () => {
  const cluster = await givenCluster();
  const [shard] = cluster.shards as [TestDatabase];
  await shard.query('create table orders (id int primary key)');
  const config = configFor(cluster, { queues: QUEUES, more: MORE });
  await install({ ...config, captures: [] });
  const user = await shard.connect();
  await user.script('begin; insert into orders values (1)');
  const running = captureOnShards(config, { isDryRun: false });
  const waiting = async () =>
    (
      await shard.query(
        `select from pg_locks where relation = 'orders'::regclass and not granted and mode = 'ShareRowExclusiveLock'`,
      )
    ).length > 0;
  await until(waiting, { what: 'the lock is waited for' });
  // Behind it in the line, and not for long.
  await shard.query('insert into orders values (2)');
  await user.script('commit');
  const [row] = await running;
  expect(row).toMatchObject({ failures: [], did: [expect.stringContaining('capture public.orders')] });
});
