import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { send } from '../../support/processes/freezer.ts';
import type { TestProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import {
  givenTicker,
  givenWorkerHosts,
  untilWorkers,
  type WorkerHosts,
} from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
const dead = ({ central }: WorkerHosts) =>
  central.query('select kind, origin, error from tributary.dead_event order by id');

/** Event 3 takes until the file `go` is there; each call of it is told in the file `at-3`. */
const SLOW = `import { existsSync, appendFileSync } from 'node:fs';
const here = (name) => new URL(name, import.meta.url);
export default { async event(event, { client }) {
  const { n } = event.json();
  if (n === 3 && !existsSync(here('./go'))) {
    appendFileSync(here('./at-3'), process.pid + '\\n');
    while (!existsSync(here('./go'))) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await client.query('insert into effect (n, slot) values ($1, txid_current()::text)', [n]);
} };`;

async function atSlowEvent({ file, workersOf }: WorkerHosts, host: TestProcess): Promise<number> {
  const path = join(dirname(file), 'at-3');
  return await until(
    () => {
      if (!existsSync(path)) return undefined;
      const pids = readFileSync(path, 'utf8').split('\n').map(Number);
      return [...workersOf(host).values()].find((pid) => pids.includes(pid));
    },
    { what: 'a worker at the slow event', timeoutMs: 60_000 },
  );
}

describe('verdicts on events', () => {
  test('kill -9, restarts and dead hosts make no event dead, however often they meet the same one', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./slow.mjs, timeout: 5m }',
      { 'slow.mjs': SLOW },
    );
    const { central } = hosts;
    await central.produce('orders', 5);
    await central.tick('orders');
    let host = await hosts.startHost('h1');
    for (let round = 0; round < 7; round++) process.kill(await atSlowEvent(hosts, host), 'SIGKILL');
    for (let round = 0; round < 2; round++) {
      await atSlowEvent(hosts, host);
      send(-host.pid, 'SIGKILL');
      await host.exit;
      host = await hosts.startHost('h1');
    }
    for (let round = 0; round < 3; round++) {
      await atSlowEvent(hosts, host);
      host.kill('SIGTERM');
      await sleep(1_100);
      // Now: the worker is killed by its own primary.
      host.kill('SIGTERM');
      await host.exit;
      host = await hosts.startHost('h1');
    }
    await atSlowEvent(hosts, host);
    writeFileSync(join(dirname(hosts.file), 'go'), '');
    await until(async () => (await central.effects()).length === 5, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    expect(await central.effects()).toEqual(numbers(5));
    expect(await dead(hosts)).toEqual([]);
  });

  test('a worker that waits in vain while its host was frozen is not taken for silent', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./slow.mjs, timeout: 2s }',
      { 'slow.mjs': SLOW.replace('existsSync(here', 'true || existsSync(here') },
    );
    const { central } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    // Longer than a worker may be silent, shorter than its lease and its batch live.
    send(-host.pid, 'SIGSTOP');
    await sleep(7_000);
    send(-host.pid, 'SIGCONT');
    await central.produce('orders', 5);
    await until(async () => (await central.effects()).length === 5, {
      what: 'all events',
      timeoutMs: 30_000,
    });
    expect(host.stderr.filter((line) => /no sign of life|no progress|died/.test(line))).toEqual([]);
  });

  test.each([0, 79])(
    'exit(%i) in a handler counts as a death: the event is found, and the others are handled',
    async (code) => {
      const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./exit.mjs }', {
        'exit.mjs': `export default { async event(event, { client }) {
        const { n } = event.json();
        if (n === 7) process.exit(${code});
        await client.query('insert into effect (n) values ($1)', [n]);
      } };`,
      });
      const { central } = hosts;
      givenTicker(central, 'orders');
      await central.produce('orders', 20);
      const host = await hosts.startHost('h1');
      await host.waitForLine(new RegExp(`orders#1 died .*exit code ${code}`));
      await until(async () => (await central.effects()).length === 19, {
        what: 'all others',
        timeoutMs: 60_000,
      });
      expect(await dead(hosts)).toEqual([
        {
          kind: 'killed',
          origin: 's:orders:7',
          error: expect.stringContaining('worker processes died while they handled this event alone'),
        },
      ]);
    },
  );

  test('a module that exits by itself comes back more and more slowly', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./timer.mjs }', {
      'timer.mjs': `export default { event() {} };
      setTimeout(() => process.exit(0), 300);`,
    });
    const host = await hosts.startHost('h1');
    await host.waitForLine(/orders#1 died .*starts in \d{3,} ms/, { timeoutMs: 60_000 });
  });

  test('lost connections at different events are no evidence: the events of a transaction stay together', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./slow.mjs }', {
      // Only who uses its connection sees that it is gone.
      'slow.mjs': `import { existsSync } from 'node:fs';
      export default { async event(event, { client }) {
        const { n } = event.json();
        while ([3, 90, 150].includes(n) && !existsSync(new URL('./go' + n, import.meta.url)))
          await client.query('select pg_sleep(0.02), ' + n);
        await client.query('insert into effect (n, slot) values ($1, txid_current()::text)', [n]);
      } };`,
    });
    const { central } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    await central.produce('orders', 200);
    await central.tick('orders');
    for (const n of [3, 90, 150]) {
      const pid = await until(
        async () =>
          (
            await central.query<{ pid: number }>(
              `select pid from pg_stat_activity where datname = current_database()
                and application_name = 'tributary orders#1' and query = $1`,
              [`select pg_sleep(0.02), ${n}`],
            )
          )[0]?.pid,
        { what: `the batch at event ${n}`, timeoutMs: 60_000 },
      );
      writeFileSync(join(dirname(hosts.file), `go${n}`), '');
      await central.query('select pg_terminate_backend($1)', [pid]);
    }
    await until(async () => (await central.effects()).length === 200, { what: 'all', timeoutMs: 60_000 });
    expect(await central.query('select count(distinct slot)::int as n from effect')).toEqual([{ n: 1 }]);
  });
});
