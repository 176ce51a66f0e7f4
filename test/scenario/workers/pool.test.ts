import { describe, expect, test } from 'vitest';
import { givenLoad } from '../../support/mover/steady-load.ts';
import { givenPgbouncer, hasPgbouncer } from '../../support/network/pgbouncer.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { isAlive, type TestProcess } from '../../support/processes/process.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { provider } from '../../support/server/provider.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import type { WorkerCentral } from '../../support/workers/worker-central.ts';
import {
  givenTicker,
  givenWorkerHosts,
  untilWorkers,
  type WorkerHosts,
  WRITING_HANDLER,
} from '../../support/workers/worker-host.ts';

const ORDERS = '  orders: { create: true, workers: 1, handler: ./write.mjs }';
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

interface CentralLag {
  readonly workers_wanted: number;
  readonly workers_running: number;
}

/** What `lag` shows of the queue. */
async function lagOf({ tributary }: WorkerHosts): Promise<CentralLag> {
  const { stdout } = await tributary('lag', '--json');
  const { central } = JSON.parse(stdout) as { central: CentralLag[] };
  return central[0] as CentralLag;
}

async function untilAll(central: WorkerCentral, count: number): Promise<void> {
  await until(async () => (await central.effects().catch(() => [])).length >= count, {
    what: `${count} events`,
    timeoutMs: 90_000,
  });
  expect(await central.effects()).toEqual(numbers(count));
}

describe('the pool of workers', () => {
  test('scaled 1, 8, 3, 0, 2 under load: lag and processes follow, nothing is lost, a restart changes nothing', async () => {
    const hosts = await givenWorkerHosts(ORDERS);
    const { central, tributary } = hosts;
    givenTicker(central, 'orders');
    let host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    const load = givenLoad(central, 'orders');
    const took: string[] = [];
    for (const wanted of [8, 3, 0, 2]) {
      const startedMs = performance.now();
      const { code, stdout } = await tributary('scale', 'orders', String(wanted));
      expect([code, stdout]).toEqual([0, expect.stringContaining(`→ ${wanted} workers`)]);
      // Asking lag costs as much as a worker's start: not again and again while they start.
      await untilWorkers(hosts, [host], wanted, { timeoutMs: 60_000 });
      const readyMs = Math.round(performance.now() - startedMs);
      await until(
        async () => {
          const { workers_running, workers_wanted } = await lagOf(hosts);
          return workers_wanted === wanted && workers_running === wanted;
        },
        { what: `${wanted} workers in lag`, timeoutMs: 30_000, everyMs: 10 },
      );
      took.push(
        `${wanted}: ready after ${readyMs} ms, in lag after ${Math.round(performance.now() - startedMs)} ms`,
      );
    }
    process.stderr.write(`scaled to ${took.join('; ')}\n`);
    host.kill('SIGTERM');
    await host.exit;
    host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    expect(await lagOf(hosts)).toMatchObject({ workers_wanted: 2 });
    expect((await tributary('scale', 'orders', '--reset')).stdout).toContain('2 → 1 worker');
    await untilWorkers(hosts, [host], 1);
    await untilAll(central, await load.stop());
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
  });

  test('central is shut down at once while two hosts work: no event is lost, no worker dies, nothing is left behind', async () => {
    const server = await givenServer();
    const cluster = {
      central: await givenDatabase({ server }),
      shards: [await givenDatabase({ server })],
    };
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 4, handler: ./write.mjs }',
      { 'write.mjs': WRITING_HANDLER },
      cluster,
    );
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const started = [await hosts.startHost('h1'), await hosts.startHost('h2')];
    await until(() => started.every((host) => workersOf(host).size === 2), {
      what: 'two workers each',
      timeoutMs: 60_000,
    });
    const pids = started.flatMap((host) => [...workersOf(host).values()]);
    for (let round = 0; round < 3; round++) {
      await central.produce('orders', 300, { from: round * 300 + 1 });
      await until(async () => (await central.effects()).length > round * 300, { what: 'work' });
      await server.kill('immediate');
      await Promise.all(
        started.map((host) =>
          host.waitForLine(/shutting down|refuses connections|Connection terminated|ended the connection/),
        ),
      );
      await server.restart();
      await untilAll(central, (round + 1) * 300);
    }
    for (const host of started) expect(host.stderr.filter((line) => / died /.test(line))).toEqual([]);
    expect(pids.filter((pid) => !isAlive(pid))).toEqual([]);
    const [one, two] = started as [TestProcess, TestProcess];
    one.kill('SIGTERM');
    expect((await one.exit).code).toBe(0);
    // With central away for good, it ends everything as well.
    await server.kill('immediate');
    two.kill('SIGTERM');
    await two.exit;
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('hosts that are started while central is away wait for it', async () => {
    const server = await givenServer();
    const cluster = { central: await givenDatabase({ server }), shards: [await givenDatabase({ server })] };
    const hosts = await givenWorkerHosts(ORDERS, { 'write.mjs': WRITING_HANDLER }, cluster);
    await server.kill('immediate');
    const [one, two] = [await hosts.startHost('h1'), await hosts.startHost('h2')];
    await Promise.all([one, two].map((host) => host.waitForLine(/refuses connections/)));
    // One is told to stop before central is there.
    two.kill('SIGTERM');
    expect((await two.exit).code).toBe(0);
    await server.restart();
    await untilWorkers(hosts, [one], 1);
    await hosts.central.produce('orders', 20);
    await untilAll(hosts.central, 20);
  });

  test('hosts that are started while central does not answer wait for it', async () => {
    const hosts = await givenWorkerHosts(ORDERS, { 'write.mjs': WRITING_HANDLER });
    const proxy = await givenProxy(hosts.central.database);
    hosts.rewrite((text) =>
      text.replace(/^central: .*$/m, (line) => line.replace(/:\d+\//, `:${proxy.port}/`)),
    );
    proxy.blackhole();
    const host = await hosts.startHost('h1');
    await host.waitForLine(/Central does not answer/);
    proxy.heal();
    await untilWorkers(hosts, [host], 1);
    await hosts.central.produce('orders', 20);
    await untilAll(hosts.central, 20);
  });

  test.skipIf(!hasPgbouncer && provider() === 'engine')(
    'behind a pooler in transaction mode there are no notifications, and the queue is polled',
    async () => {
      const port = await givenPgbouncer({ poolSize: 12 });
      const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./write.mjs }');
      const { central } = hosts;
      hosts.rewrite((text) => text.replace(/^central: .*$/m, (line) => line.replace(/:\d+\//, `:${port}/`)));
      const host = await hosts.startHost('h1');
      await untilWorkers(hosts, [host], 2);
      givenTicker(central, 'orders');
      const waits: number[] = [];
      for (let n = 1; n <= 10; n++) {
        await central.produce('orders', 1, { from: n });
        const startedMs = performance.now();
        await untilAll(central, n);
        waits.push(Math.round(performance.now() - startedMs));
      }
      process.stderr.write(`behind the pooler, from commit to effect: ${waits.join(', ')} ms\n`);
      // As many at once as the numbers of workers allow, and a live change of that number as well.
      await hosts.tributary('scale', 'orders', '3');
      await untilWorkers(hosts, [host], 3);
      await central.produce('orders', 500, { from: 11 });
      await untilAll(central, 510);
      host.kill('SIGTERM');
      expect((await host.exit).code).toBe(0);
      expect(host.stderr.filter((line) => / died /.test(line))).toEqual([]);
    },
  );
});
