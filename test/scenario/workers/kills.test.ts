import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import {
  givenTicker,
  givenWorkerHosts,
  untilWorkers,
  WRITING_HANDLER,
} from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
const without = (count: number, missing: readonly number[]) =>
  numbers(count).filter((n) => !missing.includes(n));

/** Small and repeatable; the seed is printed. */
function givenRandom(): () => number {
  let seed = Number(process.env.TRIBUTARY_TEST_SEED ?? Date.now() % 1_000_000);
  process.stderr.write(`TRIBUTARY_TEST_SEED=${seed}\n`);
  return () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
}

describe('workers that are killed', () => {
  test('every event takes effect exactly once while workers die at random moments', async () => {
    const random = givenRandom();
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 3, handler: ./write.mjs }');
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 3);
    let made = 0;
    for (let kill = 0; kill < 15; kill++) {
      await central.produce('orders', 200, { from: made + 1 });
      made += 200;
      await sleep(random() * 150);
      const pids = await until(() => [...workersOf(host).values()], { what: 'a worker' });
      const pid = pids[Math.floor(random() * pids.length)];
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    }
    await until(async () => (await central.effects()).length >= made, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    expect(await central.effects()).toEqual(numbers(made));
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
  });

  test.each([
    ['exits', 'process.exit(7)', []],
    ['runs out of memory', 'const all = []; for (;;) all.push(new Array(1e6).fill(n));', []],
    ['never lets the loop turn', 'for (;;);', ['timeout: 1s']],
  ])('an event that %s is found, and it alone becomes dead', async (_what, code, more) => {
    const keys = ['create: true', 'workers: 2', 'handler: ./write.mjs', ...more].join(', ');
    const hosts = await givenWorkerHosts(`  orders: { ${keys} }`, {
      'write.mjs': `export default { async event(event, { client }) {
        const { n } = event.json();
        await client.query('insert into effect (n) values ($1)', [n]);
        if (n === 77) { ${code} }
      } };`,
    });
    const { central } = hosts;
    givenTicker(central, 'orders');
    await central.produce('orders', 300);
    const host = await hosts.startHost('h1');
    const [dead] = await until(
      async () => {
        const rows = await central.query('select kind, origin, error from tributary.dead_event');
        return rows.length > 0 && (await central.effects()).length >= 299 ? rows : undefined;
      },
      { what: 'the killer found', timeoutMs: 150_000 },
    );
    expect(dead).toMatchObject({ kind: 'killed', origin: 's:orders:77' });
    expect(await central.effects()).toEqual(without(300, [77]));
    await until(async () => (await central.query('select 1 from tributary.narrowing')).length === 0, {
      what: 'the end of the search',
    });
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });

  test('two hosts share the slots; one is killed, and the other takes them over with its batches', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 4, handler: ./write.mjs }', {
      'write.mjs': WRITING_HANDLER,
    });
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const one = await hosts.startHost('h1');
    await untilWorkers(hosts, [one], 4);
    const two = await hosts.startHost('h2');
    await until(() => workersOf(one).size === 2 && workersOf(two).size === 2, { what: 'two slots each' });
    await central.produce('orders', 1_000);
    one.kill('SIGKILL');
    await untilWorkers(hosts, [two], 4, { timeoutMs: 30_000 });
    await central.produce('orders', 1_000, { from: 1_001 });
    await until(async () => (await central.effects()).length >= 2_000, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    expect(await central.effects()).toEqual(numbers(2_000));
  });

  test('connections cut again and again lose nothing and start no crash loop', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./write.mjs }');
    const { central } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    for (let round = 0; round < 6; round++) {
      await central.produce('orders', 200, { from: round * 200 + 1 });
      await sleep(100);
      await central.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'tributary %' and application_name not like 'tributary test%'",
      );
    }
    await until(async () => (await central.effects()).length >= 1_200, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    expect(await central.effects()).toEqual(numbers(1_200));
    expect(host.stderr.filter((line) => / died /.test(line))).toEqual([]);
  });
});
