import { describe, expect, test } from 'vitest';
import { isAlive } from '../../support/processes/process.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { freezeServer } from '../../support/server/freeze.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

/** What is documented (20 s, and 5 s after the handlers' signals), and what a loaded machine may add. */
const WITHIN_MS = 35_000;

describe('workers whose central is frozen', () => {
  test('SIGTERM ends them within the documented time', async () => {
    const server = await givenServer();
    const [central, shard] = await Promise.all([givenDatabase({ server }), givenDatabase({ server })]);
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 2, handler: ./slow.mjs }',
      {
        'slow.mjs': `export default { async event(event, { client }) {
          await client.query('insert into effect (n) values ($1)', [event.json().n]);
          await new Promise((resolve) => setTimeout(resolve, 4000));
        } };`,
      },
      { central, shards: [shard] },
    );
    givenTicker(hosts.central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    const workers = [...hosts.workersOf(host).values()];
    await hosts.central.produce('orders', 2);
    await until(
      async () =>
        (await hosts.central.query('select 1 from pgq.subscription where sub_batch is not null')).length > 0,
      { what: 'a batch at work' },
    );
    const thaw = freezeServer(server);
    const begunMs = performance.now();
    host.kill('SIGTERM');
    await host.exit;
    expect(performance.now() - begunMs).toBeLessThan(WITHIN_MS);
    expect(workers.filter(isAlive)).toEqual([]);
    thaw();
  });
});
