import { describe, expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import {
  type Cluster,
  configFor,
  fileFor,
  givenCluster,
  outcomes,
  provider,
} from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenRole } from '../../support/server/roles.ts';

const QUEUES = '  orders: { workers: 0, create: true }';
const TRAP = `language plpgsql as $$ begin raise exception 'a stranger''s function was run'; end $$`;

/** A tenant of the database, who may create schemas and plants what `sql` says. */
async function plant(database: TestDatabase, sql: (tenant: string) => readonly string[]): Promise<string> {
  const { name } = await givenRole([database]);
  const session = await database.connect();
  await session.query(`grant create on database "${database.name}" to "${name}"`);
  await session.query(`set role "${name}"`);
  for (const statement of sql(name)) await session.query(statement);
  await session.query('reset role');
  return name;
}

async function refusals(cluster: Cluster): Promise<string[]> {
  const rows = await install(configFor(cluster, { queues: QUEUES }));
  return rows.flatMap(({ mistakes }) => mistakes);
}

describe('install, where other roles have objects in its schemas', () => {
  test.each([
    ['an empty schema', () => ['create schema tributary'], 'schema tributary belongs to role TENANT'],
    [
      'a schema with our mark and a function',
      () => [
        'create schema tributary',
        "comment on schema tributary is 'tributary 1.0.0'",
        `create function tributary.worker_pool_sync(queue text, file_wanted integer) returns integer ${TRAP}`,
      ],
      'function worker_pool_sync in schema tributary belongs to role TENANT',
    ],
    [
      'a view that is read as the identity',
      () => [
        'create schema tributary',
        `create function tributary.trap() returns text ${TRAP}`,
        'create view tributary.identity as select tributary.trap() as id, tributary.trap() as name',
      ],
      'function trap in schema tributary belongs to role TENANT',
    ],
    ['pgq_coop', () => ['create schema pgq_coop'], 'schema pgq_coop belongs to role TENANT'],
  ] as const)('%s of a tenant on central is refused, and nothing in it is run', async (_, sql, sentence) => {
    const cluster = await givenCluster({ isBare: true });
    const tenant = await plant(cluster.central, sql);
    const found = await refusals(cluster);
    expect(found).toEqual([
      expect.stringMatching(/^Central \(.*neither a superuser.*find out where it comes from/s),
    ]);
    expect(found[0]).toContain(sentence.replace('TENANT', tenant));
    expect(
      await cluster.central.query(
        `select from pg_class where relnamespace = to_regnamespace('tributary') and relname = 'migration'`,
      ),
    ).toEqual([]);
  });

  test('a right of others to create in a schema of ours is found by install, check and plan', async () => {
    const cluster = await givenCluster({ isBare: true });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    await cluster.central.query('grant create on schema tributary to public');
    for (const command of ['install', 'check', 'plan']) {
      const { code, stdout, stderr } = await run(['-c', file, command]);
      expect(code).not.toBe(0);
      expect(stdout + stderr).toContain('everybody may create in schema tributary');
    }
    await cluster.central.query('revoke create on schema tributary from public');
    expect((await run(['-c', file, 'install'])).code).toBe(0);
  });

  test.runIf(provider() === 'engine')(
    'a function of a tenant in the engine of a shard, or a schema pgq of his, is refused',
    async () => {
      const cluster = await givenCluster({ shards: 2, isBare: true });
      const [one] = cluster.shards as [TestDatabase, TestDatabase];
      const two = await givenDatabase({ pgq: false });
      const owner = await plant(one, () => []);
      await one.query(`alter function pgq.version() owner to "${owner}"`);
      const tenant = await plant(two, () => [
        'create schema pgq',
        `create function pgq.version() returns text ${TRAP}`,
        `create function pgq.create_queue(text) returns integer ${TRAP}`,
      ]);
      const rows = await install(configFor({ ...cluster, shards: [one, two] }, { queues: QUEUES }));
      expect(outcomes(rows)).toMatchObject({ central: 'installed' });
      expect(rows.map(({ mistakes }) => mistakes.join())).toEqual([
        '',
        expect.stringContaining(`function version in schema pgq belongs to role ${owner}`),
        expect.stringContaining(`in schema pgq belongs to role ${tenant}`),
      ]);
    },
  );

  test('a schema of ours that an administrator made and left empty is used, one that holds something of his is not', async () => {
    const [good, bad] = await Promise.all([givenCluster({ isBare: true }), givenCluster({ isBare: true })]);
    await good.central.query('create schema tributary');
    expect(await refusals(good)).toEqual([]);
    await bad.central.query('create schema tributary');
    await bad.central.query('create table tributary.rivers (name text)');
    expect(await refusals(bad)).toEqual([
      expect.stringContaining('has a schema tributary that no install has made'),
    ]);
  });
});
