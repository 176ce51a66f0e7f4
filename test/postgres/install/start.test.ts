import { describe, expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { runSteps } from '../../../src/install/plan/steps.ts';
import { registerSources } from '../../../src/install/register.ts';
import { contextOf, surveyCentral, surveyShard } from '../../../src/install/survey.ts';
import {
  type Cluster,
  configFor,
  givenCluster,
  givenEvents,
  givenQueue,
  outcomes,
} from '../../support/installation/installation.ts';
import type { TestDatabase } from '../../support/server/database.ts';

const position = async ({ central }: Cluster) => {
  const rows = await central.query<{ tick_id: number; md5: string; time_us: number; seq: number }>(
    `select p.tick_id, p.tick_snapshot_md5 as md5, p.tick_time_us as time_us, p.tick_event_seq as seq
       from tributary.position p join tributary.source s on s.id = p.source order by s.queue`,
  );
  return rows[0];
};

const tick = async (shard: TestDatabase, queue = 'orders'): Promise<number> => {
  await shard.query('select pgq.force_tick($1)', [queue]);
  const [row] = await shard.query<{ ticker: number }>('select pgq.ticker($1)', [queue]);
  return row?.ticker ?? -1;
};

/** Events that a window from the source's position on would have. */
const ahead = async (cluster: Cluster): Promise<number> => {
  const [shard] = cluster.shards as [TestDatabase];
  const [row] = await shard.query<{ n: number }>(
    `select count(*) as n from ${(await shard.query<{ t: string }>("select queue_data_pfx as t from pgq.queue where queue_name = 'orders'"))[0]?.t}
      where not txid_visible_in_snapshot(ev_txid, (select t.tick_snapshot from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
        where q.queue_name = 'orders' and t.tick_id = $1))`,
    [(await position(cluster))?.tick_id],
  );
  return row?.n ?? -1;
};

describe('install/plan/starting-point', () => {
  test('a queue that holds events is a mistake that says how many and what can be said', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders', { events: 1234 });

    const rows = await install(configFor(cluster, { queues: '  orders: { workers: none }' }));

    expect(rows[1]?.mistakes).toEqual([
      expect.stringMatching(
        /queue orders holds 1,234 events already: .*`start: oldest`.*`start: now`.*`start: at-consumer NAME`/,
      ),
    ]);
    expect(await shard.query('select from pgq.subscription')).toEqual([]);
  });

  test('an existing queue without events begins at its oldest tick', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');
    const first = await tick(shard);
    expect(first).toBeGreaterThan(1);

    await install(configFor(cluster, { queues: '  orders: { workers: none }' }));

    expect((await position(cluster))?.tick_id).toBe(1);
  });

  test('start: oldest takes all events that the queue still holds', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders', { events: 7 });
    await tick(shard);

    await install(configFor(cluster, { queues: '  orders: { workers: none, start: oldest }' }));

    expect(await ahead(cluster)).toBe(7);
  });

  test('start: now leaves what is there and takes what comes', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders', { events: 7 });

    await install(configFor(cluster, { queues: '  orders: { workers: none, start: now }' }));
    expect(await ahead(cluster)).toBe(0);
    await givenEvents(shard, 'orders', 2);

    expect(await ahead(cluster)).toBe(2);
  });

  test('start: at-consumer begins where that consumer stands', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders', { events: 3 });
    const at = await tick(shard);
    await shard.query("select pgq.register_consumer('orders', 'old_mover')");
    await givenEvents(shard, 'orders', 4);
    await tick(shard);

    await install(
      configFor(cluster, { queues: '  orders: { workers: none, start: at-consumer old_mover }' }),
    );

    expect((await position(cluster))?.tick_id).toBe(at);
    expect(await ahead(cluster)).toBe(4);
  });

  test('start: at-consumer with an unknown name is a mistake that names the nearest', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');
    await shard.query("select pgq.register_consumer('orders', 'old_mover')");

    const rows = await install(
      configFor(cluster, { queues: '  orders: { workers: none, start: at-consumer old_mower }' }),
    );

    expect(rows[1]?.mistakes).toEqual([
      expect.stringMatching(/queue orders has no consumer old_mower \(the nearest is old_mover\)/),
    ]);
  });

  test('the position carries the fingerprint of its tick', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');

    await install(configFor(cluster, { queues: '  orders: { workers: none }' }));

    expect([await position(cluster)]).toEqual(
      await shard.query(
        `select tick_id, md5(tick_snapshot::text) as md5, (extract(epoch from tick_time) * 1000000)::bigint as time_us,
                tick_event_seq as seq from pgq.tick where tick_id = 1`,
      ),
    );
  });

  test('a source that is active is never moved, whatever the file says later', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await install(configFor(cluster, { queues: '  orders: { workers: none, create: true }' }));
    await givenEvents(shard, 'orders', 5);
    await tick(shard);

    const rows = await install(configFor(cluster, { queues: '  orders: { workers: none, start: now }' }));

    expect(outcomes(rows)).toEqual({ central: 'unchanged', s1: 'unchanged' });
    expect((await position(cluster))?.tick_id).toBe(1);
    expect(await ahead(cluster)).toBe(5);
  });

  test('an install interrupted before the shard was touched is taken up again', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    await install({ ...config, shards: [] });
    await registerSources(await cluster.central.connect(), 's1', [
      { queue: 'orders', centralQueue: 'orders' },
    ]);

    const rows = await install(config);

    expect(outcomes(rows)).toEqual({ central: 'unchanged', s1: 'installed' });
    expect((await position(cluster))?.tick_id).toBe(1);
  });

  test('an install interrupted before the position was stored begins where it registered, and loses no event', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    await install({ ...config, shards: [] });
    const central = await cluster.central.connect();
    const context = contextOf(central, config, await surveyCentral(central, config));
    const connection = await shard.connect();
    const [first] = config.shards;
    if (first === undefined) throw new Error('no shard');
    const { plan } = await surveyShard(connection, first, context);
    await registerSources(central, 's1', plan.begin);
    await runSteps(connection, plan.steps);
    await givenEvents(shard, 'orders', 5);
    await tick(shard);

    const rows = await install(config);

    expect(outcomes(rows)).toEqual({ central: 'unchanged', s1: 'installed' });
    expect((await position(cluster))?.tick_id).toBe(1);
    expect(await ahead(cluster)).toBe(5);
  });

  test('a registration that central knows nothing of is a mistake unless its own entry says where to begin', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    await install(config);
    await cluster.central.query('delete from tributary.position');
    await cluster.central.query('delete from tributary.source');

    const rows = await install(config);
    expect(rows[1]?.mistakes).toEqual([
      expect.stringMatching(/has our consumer .* already and central knows nothing of it/),
    ]);

    const bare = await install(configFor(cluster, { queues: '  orders: { workers: none, start: oldest }' }));
    expect(bare[1]?.mistakes).toEqual(rows[1]?.mistakes);

    const own = {
      ...config,
      shards: config.shards.map((shard) => ({ ...shard, start: { at: 'oldest' as const } })),
    };
    const again = await install(own);
    expect(outcomes(again)).toEqual({ central: 'unchanged', s1: 'installed' });
    expect((await position(cluster))?.tick_id).toBe(1);
  });

  test('a watermark that was taken away is put back without touching the position', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
    await install(config);
    await shard.query("select pgq.unregister_consumer('orders', consumer_name) from pgq.get_consumer_info()");

    const rows = await install(config);

    expect(rows[1]?.did).toEqual([expect.stringMatching(/^register consumer tributary_shop_/)]);
    expect(await shard.query('select last_tick from pgq.get_consumer_info()')).toEqual([{ last_tick: 1 }]);
    expect(await cluster.central.query('select n from tributary.position')).toEqual([{ n: 1 }]);
  });

  test('a source that was removed begins anew', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: '  orders: { workers: none, create: true, start: now }' });
    await install(config);
    await shard.query("select pgq.unregister_consumer('orders', consumer_name) from pgq.get_consumer_info()");
    await cluster.central.query("update tributary.source set state = 'retired'");
    await givenEvents(shard, 'orders', 3);

    const rows = await install(config);

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(await cluster.central.query('select state from tributary.source')).toEqual([{ state: 'active' }]);
    expect(await ahead(cluster)).toBe(0);
  });

  test('an install that another one overtook leaves the registration where the other put it', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders', { events: 1 });
    const config = configFor(cluster, { queues: '  orders: { workers: none, start: now }' });
    await install({ ...config, shards: [] });
    const central = await cluster.central.connect();
    const context = contextOf(central, config, await surveyCentral(central, config));
    const connection = await shard.connect();
    const [first] = config.shards;
    if (first === undefined) throw new Error('no shard');
    const { plan } = await surveyShard(connection, first, context);

    await install(config);
    const begun = (await position(cluster))?.tick_id;
    await givenEvents(shard, 'orders', 3);
    await runSteps(connection, plan.steps);

    expect(await shard.query('select last_tick from pgq.get_consumer_info()')).toEqual([
      { last_tick: begun },
    ]);
    expect(await ahead(cluster)).toBe(3);
  });

  test('several installs at once make one of everything', async () => {
    const cluster = await givenCluster({ shards: 3 });
    const config = configFor(cluster, {
      queues: '  orders: { workers: none, create: true }\n  emails: { workers: none, create: true }',
    });

    const runs = await Promise.all([install(config), install(config), install(config), install(config)]);

    expect(runs.flat().flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(await cluster.central.query('select id from tributary.identity')).toHaveLength(1);
    expect(
      await cluster.central.query(
        'select s.state, count(*) from tributary.source s join tributary.position p on p.source = s.id group by 1',
      ),
    ).toEqual([{ state: 'active', count: 6 }]);
    for (const shard of cluster.shards) {
      expect(
        await shard.query('select distinct last_tick, count(*) from pgq.get_consumer_info() group by 1'),
      ).toEqual([{ last_tick: 1, count: 2 }]);
    }
  });

  test('an external or paused ticker is left alone and warned of', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');
    await givenQueue(shard, 'emails');
    await shard.query("update pgq.queue set queue_external_ticker = true where queue_name = 'orders'");
    await shard.query("update pgq.queue set queue_ticker_paused = true where queue_name = 'emails'");

    const rows = await install(
      configFor(cluster, { queues: '  orders: { workers: none }\n  emails: { workers: none }' }),
    );

    expect(rows[1]?.mistakes).toEqual([]);
    expect(rows[1]?.warnings).toEqual([
      expect.stringMatching(/queue orders has an external ticker/),
      expect.stringMatching(/ticker of queue emails is paused/),
    ]);
    expect(await shard.query('select queue_ticker_max_count from pgq.queue')).toEqual([
      { queue_ticker_max_count: 500 },
      { queue_ticker_max_count: 500 },
    ]);
  });

  test('the first event of a new queue makes a tick at once', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await install(configFor(cluster, { queues: '  orders: { workers: none, create: true }' }));

    await givenEvents(shard, 'orders', 1);

    expect(await shard.query("select pgq.ticker('orders')")).toEqual([{ ticker: 2 }]);
  });
});
