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

  test('without a worker it says so, and --queue alone is wrong usage', async () => {
    const hosts = await givenWorkerHosts(QUEUE);
    expect(await hosts.tributary('reload', '--queue', 'orders')).toMatchObject({
      code: 2,
      stderr: '--queue goes with --workers: the file is read again for all queues.\n',
    });
    expect(await hosts.tributary('reload', '--workers')).toMatchObject({
      code: 0,
      stdout: 'orders: no worker runs now; those that start will have the new code.\n',
    });
    expect(await hosts.tributary('reload')).toMatchObject({
      code: 0,
      stdout: 'No mover and no workers run now: those that start read the file.\n',
    });
  });
});

describe('tributary reload', () => {
  const TWO = `  orders: { create: true, workers: 2, handler: ./write.mjs }
  emails: { create: true, workers: 1, handler: ./mail.mjs }`;

  test('numbers, handlers and queues of the file count without a restart, and only workers that they concern are replaced', async () => {
    const handlers = {
      'write.mjs': handlerOf('old'),
      'other.mjs': handlerOf('other'),
      'mail.mjs': handlerOf('mail'),
    };
    const hosts = await givenWorkerHosts(TWO, handlers);
    const { central, tributary, workersOf } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    const ofQueue = (queue: string) =>
      new Map([...workersOf(host)].filter(([slot]) => slot.startsWith(`${queue}#`)));
    await until(() => workersOf(host).size === 3, { what: 'three workers', timeoutMs: 60_000 });
    const [mail, orders] = [ofQueue('emails'), ofQueue('orders')];
    // Another number and another handler.
    hosts.rewrite((text) =>
      text.replace('workers: 2, handler: ./write.mjs', 'workers: 3, handler: ./other.mjs'),
    );
    const first = await tributary('reload');
    expect([first.code, first.stdout, first.stderr]).toEqual([
      0,
      'orders: 2 → 3 workers wanted over all hosts.\nWorkers on h1: this file counts now.\n',
      '',
    ]);
    await until(
      () =>
        ofQueue('orders').size === 3 &&
        [...ofQueue('orders')].every(([slot, pid]) => orders.get(slot) !== pid),
      { what: 'three other workers', timeoutMs: 60_000 },
    );
    await handled(central, 1, 20);
    expect(await versionOf(central, 20)).toBe('other');
    // The same file, and another text of a handler in it: its workers alone.
    const replaced = ofQueue('orders');
    hosts.rewriteHandler('other.mjs', handlerOf('newest'));
    expect((await tributary('reload')).code).toBe(0);
    await until(
      () =>
        ofQueue('orders').size === 3 &&
        [...ofQueue('orders')].every(([slot, pid]) => replaced.get(slot) !== pid),
      { what: 'three more workers', timeoutMs: 60_000 },
    );
    await handled(central, 21, 20);
    expect(await versionOf(central, 40)).toBe('newest');
    expect(ofQueue('emails')).toEqual(mail);
    // A queue that goes: its workers end, and what comes for it waits.
    hosts.rewrite((text) => text.replace(/^ {2}emails: .*$/m, ''));
    expect((await tributary('reload')).code).toBe(0);
    await until(() => ofQueue('emails').size === 0, { what: 'no worker of emails', timeoutMs: 60_000 });
    // What needs a restart changes nothing, and is said.
    hosts.rewrite((text) =>
      text.replace('workers: 3', 'workers: 1').replace('name: test', "name: test\nhttp: { listen: ':0' }"),
    );
    const refused = await tributary('reload');
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(
        /Workers on h1: the file there changes nothing: `http` is another one, .*restart it/,
      ),
    ]);
    // Those of orders may be replaced one by one just now: they may send to a queue less.
    await until(() => ofQueue('orders').size > 0, { what: 'workers of orders' });
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });
});
