import { describe, expect, test } from 'vitest';
import { isAlive } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const ORDERS = '  orders: { create: true, workers: 1, handler: ./write.mjs }';
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('workers as processes', () => {
  test('SIGTERM drains: the batch at hand is finished, no process is left, the slots are free', async () => {
    const hosts = await givenWorkerHosts(ORDERS, {
      'write.mjs': `export default { async event(event, { client }) {
        await client.query('insert into effect (n) values ($1)', [event.json().n]);
        await new Promise((resolve) => setTimeout(resolve, 20));
      } };`,
    });
    const { central } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    const pids = [...hosts.workersOf(host).values()];
    await central.produce('orders', 50);
    await central.tick('orders');
    await until(
      async () =>
        (
          await central.query(
            "select 1 from pg_stat_activity where state = 'idle in transaction' and datname = current_database()",
          )
        ).length > 0,
      { what: 'the handler at work' },
    );
    host.kill('SIGTERM');
    expect(await host.exit).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await central.effects()).toEqual(numbers(50));
    expect(await central.query('select resource from tributary.lease where is_held')).toEqual([]);
  });

  test('a primary killed with SIGKILL leaves no worker behind, not even one in an endless loop', async () => {
    const hosts = await givenWorkerHosts(ORDERS, {
      'write.mjs': 'export default { event() { for (;;); } };',
    });
    const { central, tributary } = hosts;
    await tributary('scale', 'orders', '2');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    const pids = [...hosts.workersOf(host).values()];
    await central.produce('orders', 1);
    await central.tick('orders');
    await until(
      async () =>
        (await central.query('select 1 from pgq.subscription where sub_batch is not null')).length > 0,
      {
        what: 'the batch in the loop',
      },
    );
    host.kill('SIGKILL');
    await until(() => !pids.some(isAlive), { what: 'the end of all workers' });
  });

  test('a frozen host loses its slots; when it continues, nothing is done twice', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./write.mjs }');
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const one = await hosts.startHost('h1');
    await untilWorkers(hosts, [one], 2);
    const frozen = [one.pid, ...workersOf(one).values()];
    await central.produce('orders', 300);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    const two = await hosts.startHost('h2');
    await until(() => workersOf(two).size === 2, { what: 'the takeover', timeoutMs: 60_000 });
    await until(async () => (await central.effects()).length >= 300, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    await central.produce('orders', 300, { from: 301 });
    await until(async () => (await central.effects()).length >= 600, {
      what: 'new events',
      timeoutMs: 60_000,
    });
    await until(() => workersOf(one).size === 1 && workersOf(two).size === 1, {
      what: 'a slot each',
      timeoutMs: 60_000,
    });
    expect(await central.effects()).toEqual(numbers(600));
  });
});
