import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';
import { FOREIGN, startForeignMember } from './foreign-member.ts';

const MEMBER = { queue: 'orders', group: 'workers_test', member: 'other' };
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('members of another make in the workers’ group', () => {
  test('a partly handled batch that goes to another program takes effect once, and no dead event is handled', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./write.mjs, rate: 40/s, retry: { attempts: 2, first: 200ms, max: 200ms } }',
      {
        'write.mjs': `export default { async event(event, { client, dead }) {
          const { n } = event.json();
          if (n === 7) throw new Error('not this one');
          if (n === 9) return dead(event, 'never');
          await client.query("insert into effect (n, slot) values ($1, 'ours')", [n]);
        } };`,
      },
    );
    const { central } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    await central.produce('orders', 200);
    await central.tick('orders');
    await until(async () => (await central.effects()).length >= 30, { what: 'a part of the batch' });
    const foreign = await startForeignMember(central, MEMBER);
    await until(
      async () =>
        (await central.query("select 1 from pgq.consumer where co_name = 'workers_test.other'")).length > 0,
      { what: 'the other member' },
    );
    givenTicker(central, 'orders');
    await hosts.tributary('scale', 'orders', '0');
    await until(async () => (await central.effects()).length >= 199, {
      what: 'all events',
      timeoutMs: 90_000,
    });
    expect(await central.effects()).toEqual(numbers(200).filter((n) => n !== 9));
    const by = await central.query<{ slot: string; count: number }>(
      'select slot, count(*)::int from effect group by 1 order by 1',
    );
    expect(by.map(({ slot }) => slot)).toEqual([FOREIGN, 'ours']);
    expect(await central.query('select origin from tributary.dead_event')).toEqual([
      { origin: 's:orders:9' },
    ]);
    await until(
      async () =>
        (
          await central.query(
            'select 1 from tributary.narrowing union all select 1 from tributary.attempt union all select 1 from pgq.retry_queue',
          )
        ).length === 0,
      { what: 'nothing noted any more' },
    );
    foreign.kill('SIGKILL');
  });

  test('where the group was removed no worker makes a new one: workers, check and lag name install', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./write.mjs }');
    const { central } = hosts;
    await central.produce('orders', 10);
    await central.tick('orders');
    await central.query("select pgq.unregister_consumer('orders', 'workers_test')");
    const host = await hosts.startHost('h1');
    const sentence = /Queue orders has no group workers_test: `tributary install` registers it/;
    await host.waitForLine(sentence);
    const foreign = await startForeignMember(central, MEMBER);
    await foreign.waitForLine(sentence);
    expect(await central.query("select 1 from pgq.consumer where co_name like 'workers_test%'")).toEqual([]);
    const check = await hosts.tributary('check');
    expect(check.code).toBe(3);
    expect(check.stdout + check.stderr).toMatch(
      /group workers_test is not registered on queue orders.*tributary install/,
    );
    const lag = await hosts.tributary('lag');
    expect(lag.stdout).toMatch(/Queue orders has no consumer workers_test: run `tributary install`/);
    const install = await hosts.tributary('install');
    expect(install.stdout + install.stderr).toMatch(/group workers_test of queue orders is gone/);
    await hosts.central.produce('orders', 5, { from: 11 });
    givenTicker(central, 'orders');
    await until(async () => (await central.effects()).length >= 5, { what: 'what came later' });
    foreign.kill('SIGKILL');
  });
});
