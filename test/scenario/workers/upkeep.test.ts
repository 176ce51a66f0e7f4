import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

describe('workers without a mover', () => {
  test('what is sent is ticked and what was put off comes back, whichever host lives', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 2, handler: ./write.mjs, retry: { attempts: 3, first: 500ms, max: 1s } }',
      {
        'write.mjs': `export default { async event(event, { client, attempt }) {
          const { n } = event.json();
          await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(attempt)]);
          if (n === 13 || (n % 10 === 0 && attempt === 1)) throw new Error('not this time');
        } };`,
      },
    );
    const { central, workersOf } = hosts;
    const one = await hosts.startHost('h1');
    await untilWorkers(hosts, [one], 2);
    const handled = (count: number) =>
      until(async () => (await central.effects()).length === count, {
        what: `${count} events`,
        timeoutMs: 60_000,
      });
    await central.produce('orders', 50);
    await handled(49);
    const dead = await until(
      async () => (await central.query('select attempts, origin from tributary.dead_event'))[0],
      { what: 'the dead event', timeoutMs: 60_000 },
    );
    expect(dead).toEqual({ attempts: 3, origin: 's:orders:13' });
    expect(await central.query("select n from effect where slot = '2' order by n")).toEqual(
      [10, 20, 30, 40, 50].map((n) => ({ n })),
    );
    expect(await central.query('select * from tributary.attempt')).toEqual([]);

    const two = await hosts.startHost('h2');
    await until(() => workersOf(two).size === 1, { what: 'a slot on the other host', timeoutMs: 60_000 });
    one.kill('SIGKILL');
    await central.produce('orders', 10, { from: 51 });
    await handled(59);
  });
});
