import { describe, expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import {
  configFor,
  givenCluster,
  givenEvents,
  givenQueue,
  outcomes,
} from '../../support/installation/installation.ts';

const handler = writeFile(givenFolder(), 'orders.js', { text: 'export default { event() {} };' });
const queues = (more: string) => `  orders: { create: true, handler: '${handler}', ${more} }`;

describe('install/plan/central-plan', () => {
  test('the group of the workers is registered before anything can be forwarded', async () => {
    const cluster = await givenCluster({ isBare: true });

    const rows = await install(configFor(cluster, { queues: queues('workers: 2') }));

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(
      await cluster.central.query("select consumer_name, last_tick from pgq.get_consumer_info('orders')"),
    ).toEqual([{ consumer_name: 'workers_shop', last_tick: 1 }]);
    expect(await cluster.central.query('select wanted, file_wanted from tributary.worker_pool')).toEqual([
      { wanted: 2, file_wanted: 2 },
    ]);
  });

  test('a scaled pool keeps its number until the file says another', async () => {
    const cluster = await givenCluster({ isBare: true });
    await install(configFor(cluster, { queues: queues('workers: 2') }));
    await cluster.central.query("select tributary.worker_pool_set('orders', 7, 'test')");
    const wanted = () => cluster.central.query('select wanted from tributary.worker_pool');

    expect(outcomes(await install(configFor(cluster, { queues: queues('workers: 2') })))).toMatchObject({
      central: 'unchanged',
    });
    expect(await wanted()).toEqual([{ wanted: 7 }]);

    await install(configFor(cluster, { queues: queues('workers: 3') }));
    expect(await wanted()).toEqual([{ wanted: 3 }]);
    await install(configFor(cluster, { queues: queues('workers: none') }));
    expect(await wanted()).toEqual([]);
  });

  test('adopt turns an existing consumer into the group, with its position', async () => {
    const cluster = await givenCluster({ isBare: true });
    const { central } = cluster;
    await givenQueue(central, 'orders');
    await central.query("select pgq.register_consumer('orders', 'old_worker')");
    await givenEvents(central, 'orders', 3);
    await central.query("select pgq.force_tick('orders')");
    await central.query("select pgq.ticker('orders')");

    const config = configFor(cluster, { queues: queues('workers: 2, adopt: old_worker') });
    const rows = await install(config);

    expect(rows[0]?.mistakes).toEqual([]);
    expect(
      await central.query("select consumer_name, last_tick from pgq.get_consumer_info('orders')"),
    ).toEqual([{ consumer_name: 'workers_shop', last_tick: 1 }]);
    expect(outcomes(await install(config))).toMatchObject({ central: 'unchanged' });
  });

  test('a consumer to adopt that does not exist is a mistake with the nearest name', async () => {
    const cluster = await givenCluster({ isBare: true });
    await givenQueue(cluster.central, 'orders');
    await cluster.central.query("select pgq.register_consumer('orders', 'old_worker')");

    const rows = await install(configFor(cluster, { queues: queues('workers: 2, adopt: old_wrker') }));

    expect(rows[0]?.mistakes).toEqual([
      expect.stringMatching(/no consumer old_wrker to adopt \(the nearest is old_worker\)/),
    ]);
    expect(await cluster.central.query("select to_regnamespace('tributary') is null as untouched")).toEqual([
      { untouched: true },
    ]);
  });

  test("somebody else's pgq_coop is left alone", async () => {
    const cluster = await givenCluster({ isBare: true });
    await cluster.central.query('create schema pgq_coop');

    const rows = await install(configFor(cluster, { queues: queues('workers: 2') }));

    expect(rows[0]?.mistakes).toEqual([]);
    expect(
      await cluster.central.query("select from pg_proc where pronamespace = 'pgq_coop'::regnamespace"),
    ).toEqual([]);
  });

  test('functions that were changed by hand or by an older package are applied again', async () => {
    const cluster = await givenCluster({ isBare: true });
    const config = configFor(cluster, { queues: queues('workers: 2') });
    await install(config);
    await cluster.central.query('drop function tributary.sources_of(text[])');
    await cluster.central.query("comment on schema tributary is 'tributary files of yesterday'");

    expect(outcomes(await install(config))).toMatchObject({ central: 'installed' });
    expect(await cluster.central.query("select * from tributary.sources_of('{s1}')")).toHaveLength(1);
  });

  test('the row of central in the report says which PgQ it has', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [row] = await install(configFor(cluster, { queues: queues('workers: 0') }));
    expect(row?.provider).toMatch(/^(engine|extension)$/);
    expect(row?.version).toMatch(/^3/);
  });
});
