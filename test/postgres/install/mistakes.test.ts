import { describe, expect, inject, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { configFor, givenCluster, givenQueue, outcomes } from '../../support/installation/installation.ts';
import { givenBlackHole } from '../../support/network/black-hole.ts';
import type { TestDatabase } from '../../support/server/database.ts';

const QUEUES = '  orders: { workers: none, create: true }';

describe('install/mistakes', () => {
  test('an unreachable shard says so in its row, and the others are installed', async () => {
    const cluster = await givenCluster({ shards: 2, isBare: true });
    const config = configFor(cluster, { queues: QUEUES });
    const [first, second] = config.shards;
    if (first === undefined || second === undefined) throw new Error('two shards');

    const rows = await install({ ...config, shards: [{ ...first, port: 1 }, second] });

    expect(outcomes(rows)).toEqual({ central: 'installed', s1: 'failed', s2: 'installed' });
    expect(rows[1]?.mistakes).toEqual([
      expect.stringMatching(/^Shard s1 \(127\.0\.0\.1:1\/.*\) refuses connections: /),
    ]);
  });

  test('shards that do not answer delay the others by no more than one connect timeout', async () => {
    const cluster = await givenCluster({ isBare: true });
    const config = configFor(cluster, { queues: QUEUES });
    const [shard] = config.shards;
    if (shard === undefined) throw new Error('one shard');
    const hole = await givenBlackHole();
    const began = performance.now();

    const rows = await install({
      ...config,
      shards: [
        ...Array.from({ length: 12 }, (_, at) => ({ ...shard, name: `dead${at}`, port: hole.port })),
        shard,
      ],
    });

    expect(rows.filter(({ outcome }) => outcome === 'failed')).toHaveLength(12);
    expect(rows.at(-1)?.outcome).toBe('installed');
    expect(rows[1]?.mistakes[0]).toMatch(/does not answer/);
    expect(performance.now() - began).toBeLessThan(9_000);
  });

  test('a wrong password is a sentence without the password', async () => {
    const cluster = await givenCluster({ isBare: true });
    const config = configFor(cluster, { queues: QUEUES });

    const rows = await install({
      ...config,
      shards: config.shards.map((shard) => ({ ...shard, password: 'hunter2' })),
    });

    expect(rows[1]?.mistakes[0]).toMatch(/refuses the password/);
    expect(JSON.stringify(rows)).not.toContain('hunter2');
  });

  test('one database under two names is a mistake of both, and neither is installed', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: QUEUES });

    const rows = await install({
      ...config,
      shards: config.shards.flatMap((one) => [one, { ...one, name: 's2', host: 'localhost' }]),
    });

    expect(outcomes(rows)).toEqual({ central: 'installed', s1: 'failed', s2: 'failed' });
    expect(rows[1]?.mistakes[0]).toMatch(/^Shard s1 .* is the same database as s2/);
    expect(await shard.query('select from pgq.queue')).toEqual([]);
  });

  test('a shard that is the central database with a central queue as source is refused', async () => {
    const cluster = await givenCluster({ isBare: true });
    const config = configFor(cluster, { queues: QUEUES });

    const rows = await install({
      ...config,
      shards: config.shards.map((shard) => ({ ...shard, host: 'localhost', database: cluster.central.name })),
    });

    expect(rows[1]?.mistakes[0]).toMatch(/is the central database itself, where orders is a central queue/);
  });

  test('a shard in the central database with queues of its own is warned of', async () => {
    const { central } = await givenCluster({ shards: 0, isBare: true });
    await givenQueue(central, 'order_out');

    const rows = await install(
      configFor({ central, shards: [central] }, { queues: '  orders: { workers: none, from: [order_out] }' }),
    );

    expect(outcomes(rows)).toEqual({ central: 'installed', s1: 'installed' });
    expect(rows[1]?.warnings).toEqual([expect.stringMatching(/is the central database itself/)]);
  });

  test('a central database of another installation is refused', async () => {
    const cluster = await givenCluster({ isBare: true });
    await install(configFor(cluster, { queues: QUEUES }));

    const rows = await install(configFor(cluster, { name: 'other', queues: QUEUES }));

    expect(rows).toHaveLength(1);
    expect(rows[0]?.mistakes).toEqual([
      expect.stringMatching(/belongs to the installation shop, and the file says `name: other`/),
    ]);
  });

  test('a central schema of a newer package is refused', async () => {
    const cluster = await givenCluster({ isBare: true });
    await install(configFor(cluster, { queues: QUEUES }));
    await cluster.central.query("insert into tributary.migration (version, name) values (9999, 'later')");

    const rows = await install(configFor(cluster, { queues: QUEUES }));

    expect(rows[0]?.mistakes).toEqual([expect.stringMatching(/newer package \(schema version 9999/)]);
  });

  test('for a queue that no database has the error says what to do', async () => {
    const cluster = await givenCluster({ isBare: true });
    const rows = await install(configFor(cluster, { queues: '  orders: { workers: none }' }));

    expect(rows[1]?.mistakes).toEqual([
      expect.stringMatching(/has no queue orders \(it has no queues\): .*`create: true`/),
    ]);
  });

  test('a queue that later feeds another central queue goes on from its position', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'out');
    await install(configFor(cluster, { queues: '  orders: { workers: none, from: [out] }' }));

    const rows = await install(configFor(cluster, { queues: '  sales: { workers: none, from: [out] }' }));

    expect(rows[1]).toMatchObject({ outcome: 'installed', did: ['let queue out flow to sales'] });
    expect(
      await cluster.central.query(
        'select s.central_queue, s.state, p.n from tributary.source s join tributary.position p on p.source = s.id',
      ),
    ).toEqual([{ central_queue: 'sales', state: 'active', n: 1 }]);
  });

  test.runIf(inject('server').provider === 'extension')(
    'a schema pgq that is neither the extension nor our engine is used as it is',
    async () => {
      const cluster = await givenCluster({ isBare: true });
      const [shard] = cluster.shards as [TestDatabase];
      await shard.query('alter extension pgq drop function pgq.version()');
      await shard.query(
        'create or replace function pgq.version() returns text language sql as $$ select null::text $$',
      );
      const members = await shard.query<{ drop: string }>(
        `select format('alter extension pgq drop %s %s', case when c.relkind = 'S' then 'sequence' else 'table' end, c.oid::regclass) as drop
           from pg_depend d join pg_class c on c.oid = d.objid
          where d.classid = 'pg_class'::regclass and d.deptype = 'e' and d.refobjid = (select oid from pg_extension where extname = 'pgq')`,
      );
      for (const { drop } of members) await shard.query(drop);
      const functions = await shard.query<{ drop: string }>(
        `select format('alter extension pgq drop function %s', d.objid::regprocedure) as drop from pg_depend d
          where d.classid = 'pg_proc'::regclass and d.deptype = 'e' and d.refobjid = (select oid from pg_extension where extname = 'pgq')`,
      );
      for (const { drop } of functions) await shard.query(drop);
      await shard.query('alter extension pgq drop schema pgq');
      await shard.query('drop extension pgq');

      const rows = await install(configFor(cluster, { queues: QUEUES }));

      expect(rows[1]).toMatchObject({ provider: 'plain', outcome: 'installed', mistakes: [] });
    },
  );
});
