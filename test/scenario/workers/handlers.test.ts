import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { isAlive, startProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import {
  givenTicker,
  givenWorkerHosts,
  untilWorkers,
  type WorkerHosts,
} from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

/** Its effects are outside of the database: lines of a file beside the handler. */
const NOTING = (then: string, options = '') => `
import { appendFileSync } from 'node:fs';
const note = (n) => appendFileSync(new URL('./noted.txt', import.meta.url), n + '\\n');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default {
  transaction: false,
  ${options}
  async event(event) {
    const { n } = event.json();
    ${then}
    note(n);
  },
};`;

function notedBy({ file }: WorkerHosts): number[] {
  const path = join(dirname(file), 'noted.txt');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map(Number) : [];
}

const distinct = (all: readonly number[]) => [...new Set(all)].sort((a, b) => a - b);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const runsTypescript = major > 22 || (major === 22 && minor >= 18);

/** A Node that runs TypeScript: this one, or the one that the benchmarks bring along. */
function typescriptNode(): string | undefined {
  if (runsTypescript) return process.execPath;
  const other = packagePath('scripts', 'bench', 'side-by-side', 'node_modules', '.bin', 'node');
  return existsSync(other) ? other : undefined;
}

const TYPESCRIPT = `
import type { Event, HandlerClient } from 'tributary';
interface Order { readonly n: number }
export default {
  async event(event: Event<Order>, { client }: { client: HandlerClient }): Promise<void> {
    const { n }: Order = event.json<Order>();
    await client.query('insert into effect (n) values ($1)', [n]);
  },
};`;

describe('handlers in worker processes', () => {
  test('a handler that does not load parks its queue: lag says why, events wait, no process crashes; once repaired, they are handled', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./write.mjs }', {
      'write.mjs': 'export default { event() {}, concurrency: 5 };',
    });
    const { central, file, tributary } = hosts;
    givenTicker(central, 'orders');
    await central.produce('orders', 20);
    const host = await hosts.startHost('h1');
    await host.waitForLine(/is parked/);
    const lag = async () => JSON.parse((await tributary('lag', '--json')).stdout).central[0];
    const parked = await until(
      async () => {
        const queue = await lag();
        return /on h1/.test(queue.reason) && queue;
      },
      { what: 'the reason in lag' },
    );
    expect(parked.reason).toBe(
      `No worker can run for queue orders on h1: The handler ${join(dirname(file), 'write.mjs')} has \`concurrency\` without \`transaction: false\`. Events that share one transaction are handled one after the other: add \`transaction: false\`, or leave \`concurrency\` out and take more \`workers\`.`,
    );
    expect(parked).toMatchObject({ workers_wanted: 2, workers_running: 0, events_behind: 20 });
    expect(host.stderr.filter((line) => /died|is ready/.test(line))).toEqual([]);
    writeFileSync(
      join(dirname(file), 'write.mjs'),
      "export default { event: (event, { client }) => client.query('insert into effect (n) values ($1)', [event.json().n]) };",
    );
    await until(async () => (await central.effects()).length === 20, {
      what: 'the events',
      timeoutMs: 60_000,
    });
    await until(async () => (await lag()).reason === null, { what: 'the end of the reason' });
  });

  test.skipIf(runsTypescript)(
    'a handler in TypeScript on a Node without support for it parks the queue and says what to do',
    async () => {
      const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./write.ts }', {
        'write.ts': TYPESCRIPT,
      });
      const host = await hosts.startHost('h1');
      const line = await host.waitForLine(/is parked/);
      expect(line).toContain(
        `does not load: this Node (${process.version}) does not run TypeScript. Compile it, or use Node 22.18 or later.`,
      );
    },
  );

  test.each([
    [
      'a late error',
      "setTimeout(() => { throw new Error('no luck'); }); await new Promise(() => {});",
      /no luck/,
    ],
    ['an exit', 'process.exit(3);', /ends its process \(3\) while it is loaded/],
  ])('%s while it is loaded parks the queue as well', async (_what, text, sentence) => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./write.mjs }', {
      'write.mjs': `${text} export default { event() {} };`,
    });
    const host = await hosts.startHost('h1');
    expect(await host.waitForLine(/is parked/)).toMatch(sentence);
    expect(host.stderr.filter((line) => / died/.test(line))).toEqual([]);
  });

  const node = typescriptNode();
  test.skipIf(node === undefined)(
    'a handler in TypeScript runs without a build on a Node that supports it',
    async () => {
      const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./write.ts }', {
        'write.ts': TYPESCRIPT,
      });
      const { central, file } = hosts;
      givenTicker(central, 'orders');
      await central.produce('orders', 20);
      startProcess([
        node as string,
        packagePath('dist', 'run', 'tributary.js'),
        '-c',
        file,
        'work',
        '--host',
        'h1',
      ]);
      await until(async () => (await central.effects()).length === 20, {
        what: 'the events',
        timeoutMs: 60_000,
      });
    },
  );

  test('without a transaction: a worker that is killed in the middle of a batch repeats only what was not noted', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./call.mjs }', {
      'call.mjs': NOTING('await wait(20);', 'concurrency: 4,'),
    });
    const { central, workersOf } = hosts;
    await central.produce('orders', 2_000);
    await central.tick('orders');
    const host = await hosts.startHost('h1');
    await until(() => notedBy(hosts).length > 700, { what: 'a good part' });
    const [last] = await until(
      async () => {
        const rows = await central.query<{ last: number }>(
          'select last_event_id as last from tributary.narrowing',
        );
        return rows.length > 0 && rows;
      },
      { what: 'progress' },
    );
    for (const pid of workersOf(host).values()) process.kill(pid, 'SIGKILL');
    const atDeath = notedBy(hosts).length;
    await until(async () => distinct(notedBy(hosts)).length === 2_000, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    const repeated = notedBy(hosts).length - 2_000;
    expect(last?.last).toBeGreaterThan(0);
    // Two seconds of four lanes of 20 ms, and what a loaded machine adds; not all that was done.
    expect(repeated).toBeLessThan(atDeath - 100);
    await until(async () => (await central.query('select 1 from tributary.narrowing')).length === 0, {
      what: 'the end of the batch',
    });
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
  });

  test('without a transaction: an event that kills its worker is found among many at work, and it alone becomes dead', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./call.mjs }', {
      'call.mjs': NOTING('await wait(1); if (n === 77) process.exit(7);', 'concurrency: 8,'),
    });
    const { central } = hosts;
    await central.produce('orders', 300);
    await central.tick('orders');
    const host = await hosts.startHost('h1');
    const [dead] = await until(
      async () => {
        const rows = await central.query('select kind, origin from tributary.dead_event');
        return rows.length > 0 && distinct(notedBy(hosts)).length >= 299 && rows;
      },
      { what: 'the killer found', timeoutMs: 120_000 },
    );
    expect(dead).toEqual({ kind: 'killed', origin: 's:orders:77' });
    // Once among others, then twice alone.
    expect(host.stderr.filter((line) => / died/.test(line)).length).toBeLessThanOrEqual(4);
    expect(distinct(notedBy(hosts))).toEqual(numbers(300).filter((n) => n !== 77));
    await until(async () => (await central.query('select 1 from tributary.narrowing')).length === 0, {
      what: 'the end of the search',
    });
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });

  test('without a transaction: SIGTERM hands the rest of a long batch to another host, once each', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./call.mjs }', {
      'call.mjs': NOTING('await wait(20);', 'concurrency: 5,'),
    });
    const { central, workersOf } = hosts;
    await central.produce('orders', 1_000);
    await central.tick('orders');
    for (const name of ['h1', 'h2', 'h3']) {
      const before = notedBy(hosts).length;
      const host = await hosts.startHost(name);
      await untilWorkers(hosts, [host], 1);
      const pids = [...workersOf(host).values()];
      await until(() => notedBy(hosts).length > before + 30, { what: `progress on ${name}` });
      host.kill('SIGTERM');
      expect(await host.exit).toEqual({ code: 0, signal: null });
      expect(pids.filter(isAlive)).toEqual([]);
    }
    await hosts.startHost('h5');
    await until(() => distinct(notedBy(hosts)).length === 1_000, { what: 'all events', timeoutMs: 60_000 });
    // Nothing was lost, and nothing begun twice.
    expect(notedBy(hosts).sort((a, b) => a - b)).toEqual(numbers(1_000));
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
  });
});
