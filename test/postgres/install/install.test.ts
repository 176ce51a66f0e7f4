import { describe, expect, test } from 'vitest';
import type { Shard } from '../../../src/config/config.ts';
import { readSourcesOf } from '../../../src/install/facts/sources.ts';
import { install } from '../../../src/install/install.ts';
import { registerSources } from '../../../src/install/register.ts';
import { contextOf, surveyCentral, surveyShard } from '../../../src/install/survey.ts';
import { consumerName } from '../../../src/queue/names.ts';
import { configFor, givenCluster, givenQueue, outcomes } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';

interface PositionRow {
  shard: string;
  queue: string;
  central_queue: string;
  state: string;
  n: number;
  tick_id: number;
}

const positions = (central: TestDatabase): Promise<PositionRow[]> =>
  central.query<PositionRow>(
    `select s.shard, s.queue, s.central_queue, s.state, p.n, p.tick_id
       from tributary.source s left join tributary.position p on p.source = s.id order by 1, 2`,
  );

const ourConsumer = async (central: TestDatabase): Promise<string> => {
  const [row] = await central.query<{ id: string; name: string }>('select id, name from tributary.identity');
  return consumerName(row?.name ?? '', row?.id ?? '');
};

describe('install/survey', () => {
  test('a queue that another install creates between the reading of the shard and that of central is not reported as gone', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    const central = await cluster.central.connect();
    let twin: ReturnType<typeof install> | undefined;
    const { plan } = await surveyShard(await shard.connect(), config.shards[0] as Shard, {
      config,
      consumer: 'unknown yet',
      knownOf: async ({ name }) => {
        twin ??= install(config);
        await twin;
        return await readSourcesOf(central, name);
      },
      names: { shards: async () => [], marks: async () => [], ends: async () => [], left: async () => [] },
    });
    expect(outcomes((await twin) ?? [])).toMatchObject({ s1: 'installed' });
    expect(plan.mistakes).toEqual([]);
  });

  test('nor is one that another install registers before the first query and makes active before the second', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    await install({ ...config, shards: [] });
    const [shard] = config.shards as [Shard];
    const central = await cluster.central.connect();
    const onShard = await (cluster.shards[0] as TestDatabase).connect();
    const context = contextOf(central, config, await surveyCentral(central, config));
    const { plan: ofTwin } = await surveyShard(onShard, shard, context);
    const twin = [() => registerSources(central, shard.name, ofTwin.begin), () => install(config)];
    const { plan } = await surveyShard(onShard, shard, {
      ...context,
      knownOf: async (asked) => {
        await twin.shift()?.();
        return await context.knownOf(asked);
      },
    });
    expect(twin).toEqual([]);
    expect(plan.mistakes).toEqual([]);
  });
});

describe('install/install', () => {
  test('creates queues, sources and positions on every shard, and the central queue', async () => {
    const cluster = await givenCluster({ shards: 2, isBare: true });
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });

    const rows = await install(config);

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(outcomes(rows)).toEqual({ central: 'installed', s1: 'installed', s2: 'installed' });
    expect(await positions(cluster.central)).toEqual(
      ['s1', 's2'].map((shard) => ({
        shard,
        queue: 'orders',
        central_queue: 'orders',
        state: 'active',
        n: 1,
        tick_id: 1,
      })),
    );
    const consumer = await ourConsumer(cluster.central);
    expect(consumer).toMatch(/^tributary_shop_[0-9a-f]{8}$/);
    for (const shard of cluster.shards) {
      expect(
        await shard.query('select consumer_name, last_tick from pgq.get_consumer_info($1)', ['orders']),
      ).toEqual([{ consumer_name: consumer, last_tick: 1 }]);
    }
    expect(
      await cluster.central.query('select queue_ticker_max_count from pgq.queue where queue_name = $1', [
        'orders',
      ]),
    ).toEqual([{ queue_ticker_max_count: 1 }]);
  });

  test('a second run changes nothing', async () => {
    const cluster = await givenCluster({ shards: 2, isBare: true });
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    await install(config);
    const before = await positions(cluster.central);

    const rows = await install(config);

    expect(outcomes(rows)).toEqual({ central: 'unchanged', s1: 'unchanged', s2: 'unchanged' });
    expect(rows.map(({ sources }) => sources)).toEqual([0, 1, 1]);
    expect(await positions(cluster.central)).toEqual(before);
  });

  test('installs the bundled engine where schema pgq is missing, with the queues that the file asks for', async () => {
    const [central, shard] = await Promise.all([
      givenDatabase({ pgq: false }),
      givenDatabase({ pgq: false }),
    ]);
    const config = configFor({ central, shards: [shard] }, { queues: '  orders: { workers: none }' });

    const rows = await install(config);

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(rows.map(({ provider }) => provider)).toEqual(['engine', 'engine']);
    expect(await positions(central)).toMatchObject([{ state: 'active', tick_id: 1 }]);
    expect(await shard.query("select from pg_extension where extname = 'pgq'")).toEqual([]);
    expect(outcomes(await install(config))).toEqual({ central: 'unchanged', s1: 'unchanged' });
  });

  test('a missing queue is a mistake that names the nearest one, and the other queues are installed', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');
    await givenQueue(shard, 'emails');
    const config = configFor(cluster, {
      queues: '  orders: { workers: none, from: [ordrs] }\n  emails: { workers: none }',
    });

    const rows = await install(config);

    expect(outcomes(rows)).toEqual({ central: 'installed', s1: 'failed' });
    expect(rows[1]?.mistakes).toEqual([
      expect.stringMatching(
        /^Shard s1 \(.*\) has no queue ordrs \(the nearest is orders\): .*`create: true`/,
      ),
    ]);
    expect(await positions(cluster.central)).toMatchObject([{ queue: 'emails', state: 'active' }]);
  });
});
