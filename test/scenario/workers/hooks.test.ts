// `setup` and `teardown` of a handler in real worker processes.
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

describe('setup and teardown', () => {
  test('are called once in each worker process, around its work', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./hooks.mjs }', {
      'hooks.mjs': `let pool;
export default {
  async setup({ log, slot }) { pool = { slot, calls: 0 }; log.info('setup of ' + slot); },
  async teardown({ log, slot }) { log.info('teardown of ' + slot + ' with ' + pool.slot); },
  async event(event, { client }) {
    await client.query('insert into effect (n, slot) values ($1, $2)', [event.json().n, pool.slot]);
  },
};`,
    });
    givenTicker(hosts.central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    await hosts.central.produce('orders', 50);
    await until(async () => (await hosts.central.effects()).length === 50, { what: 'all events' });
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
    const said = (text: string) => host.stderr.filter((line) => line.includes(text)).length;
    for (const slot of ['orders#1', 'orders#2']) {
      expect(said(`setup of ${slot}`)).toBe(1);
      expect(said(`teardown of ${slot} with ${slot}`)).toBe(1);
    }
  });

  test('a setup that fails parks the queue with its reason, and events wait', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./hooks.mjs }', {
      'hooks.mjs': `export default {
  async setup() { throw new Error('the service refuses the key'); },
  async event(event, { client }) { await client.query('insert into effect (n) values (1)'); },
};`,
    });
    givenTicker(hosts.central, 'orders');
    await hosts.central.produce('orders', 1);
    const host = await hosts.startHost('h1');
    await host.waitForLine(
      /queue orders is parked: The `setup` of handler .*hooks\.mjs fails: the service refuses the key\./,
    );
    expect(await hosts.central.effects()).toEqual([]);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });
});
