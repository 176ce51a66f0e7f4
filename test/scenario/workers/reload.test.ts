import { describe, expect, test } from 'vitest';
import { givenLoad } from '../../support/mover/steady-load.ts';
import { until } from '../../support/until.ts';
import type { WorkerCentral } from '../../support/workers/worker-central.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
const handlerOf = (version: string) => `export default { async event(event, { client }) {
  await client.query('insert into effect (n, slot) values ($1, $2)', [event.json().n, '${version}']);
} };`;
const QUEUE = '  orders: { create: true, workers: 4, handler: ./write.mjs }';

const versionOf = async (central: WorkerCentral, n: number) =>
  (await central.query<{ slot: string }>('select slot from effect where n = $1', [n]))[0]?.slot;

async function handled(central: WorkerCentral, from: number, count: number): Promise<void> {
  await central.produce('orders', count, { from });
  await until(async () => (await central.effects()).length >= from + count - 1, { what: 'all events' });
  expect(await central.effects()).toEqual(numbers(from + count - 1));
}

describe('tributary reload --workers', () => {
  test('new code goes live on all hosts, one slot after the other, under load and without losing a slot', async () => {
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': handlerOf('old') });
    const { central, tributary } = hosts;
    givenTicker(central, 'orders');
    const started = [await hosts.startHost('h1'), await hosts.startHost('h2')];
    await untilWorkers(hosts, started, 4, { timeoutMs: 60_000 });
    await until(() => started.every((host) => hosts.workersOf(host).size === 2), {
      what: 'two slots each',
      timeoutMs: 60_000,
    });
    const terms = 'select resource, holder, epoch from tributary.term order by resource';
    const before = await central.query(terms);
    const load = givenLoad(central, 'orders');
    await until(async () => (await central.effects()).length > 0, { what: 'work' });
    hosts.rewriteHandler('write.mjs', handlerOf('new'));
    const startedMs = performance.now();
    const { code, stdout, stderr } = await tributary('reload', '--workers');
    process.stderr.write(`reload of 4 workers on 2 hosts: ${Math.round(performance.now() - startedMs)} ms\n`);
    expect([code, stdout, stderr]).toEqual([0, 'orders: all workers run the new code, on 2 hosts.\n', '']);
    const made = await load.stop();
    await handled(central, made + 1, 200);
    expect(await versionOf(central, made + 200)).toBe('new');
    expect(await central.query(terms)).toEqual(before);
    for (const host of started) expect(host.stderr.filter((line) => / died /.test(line))).toEqual([]);
  });

  test('code that cannot be loaded changes nothing, and says so', async () => {
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': handlerOf('old') });
    const { central, tributary } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 4, { timeoutMs: 60_000 });
    const pids = [...hosts.workersOf(host).values()];
    hosts.rewriteHandler('write.mjs', 'export default { evnt() {} };');
    const { code, stdout } = await tributary('reload', '--workers', '--queue', 'orders');
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^orders: on h1 the old code goes on: .*does not export a handler.* It is tried again every 15 seconds\.\n$/,
    );
    await handled(central, 1, 50);
    expect([...hosts.workersOf(host).values()]).toEqual(pids);
    expect(await versionOf(central, 50)).toBe('old');
    hosts.rewriteHandler('write.mjs', handlerOf('new'));
    const mended = await tributary('reload', '--workers', '--queue', 'orders');
    expect([mended.code, mended.stdout]).toEqual([0, 'orders: all workers run the new code, on 1 host.\n']);
    await handled(central, 51, 50);
    expect(await versionOf(central, 100)).toBe('new');
  });

  test('SIGHUP replaces the workers of one host', async () => {
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': handlerOf('old') });
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const [one, two] = [await hosts.startHost('h1'), await hosts.startHost('h2')];
    await until(() => workersOf(one).size === 2 && workersOf(two).size === 2, {
      what: 'two slots each',
      timeoutMs: 60_000,
    });
    const [ofOne, ofTwo] = [workersOf(one), workersOf(two)];
    process.kill(one.pid, 'SIGHUP');
    await until(
      () => workersOf(one).size === 2 && [...workersOf(one)].every(([slot, pid]) => ofOne.get(slot) !== pid),
      { what: 'two other processes', timeoutMs: 60_000 },
    );
    expect(workersOf(two)).toEqual(ofTwo);
    expect([...workersOf(one).keys()].sort()).toEqual([...ofOne.keys()].sort());
    await handled(central, 1, 50);
  });

  test('without --workers it is wrong usage, and the error names the option', async () => {
    const hosts = await givenWorkerHosts(QUEUE);
    expect(await hosts.tributary('reload')).toMatchObject({
      code: 2,
      stderr:
        'Say what to reload: `tributary reload --workers` replaces the workers. The file is read when a process starts.\n',
    });
    expect(await hosts.tributary('reload', '--workers')).toMatchObject({
      code: 0,
      stdout: 'orders: no worker runs now; those that start will have the new code.\n',
    });
  });
});
