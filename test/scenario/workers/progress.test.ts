import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('the progress of workers', () => {
  test('a worker that is alive and makes no progress is replaced, and its batch is finished', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./hang.mjs, timeout: 1s }',
      {
        // The first process never comes back, and its own clock is broken as well.
        'hang.mjs': `import { existsSync, writeFileSync } from 'node:fs';
        const mark = new URL('./hung', import.meta.url);
        const isFirst = !existsSync(mark);
        if (isFirst) writeFileSync(mark, '');
        export default { async event(event, { client }) {
          await client.query('insert into effect (n) values ($1)', [event.json().n]);
          if (!isFirst) return;
          globalThis.setTimeout = () => ({ refresh() {} });
          await new Promise(() => {});
        } };`,
      },
    );
    const { central } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    await central.produce('orders', 10);
    const line = await host.waitForLine(/made no progress for \d+ s and is killed/, { timeoutMs: 60_000 });
    expect(Number(/for (\d+) s/.exec(line)?.[1])).toBeGreaterThanOrEqual(31);
    await until(async () => (await central.effects()).length === 10, {
      what: 'all events',
      timeoutMs: 30_000,
    });
    expect(await central.effects()).toEqual(numbers(10));
  });

  test('a worker whose handler never waits for anything is not taken for a blocked one', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./busy.mjs, timeout: 1s }',
      {
        'busy.mjs': `export default { event(event, { client }) {
          for (const end = Date.now() + 100; Date.now() < end; );
          if (event.json().n === 80) return client.query('insert into effect (n) values (80)');
        } };`,
      },
    );
    const { central } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    await central.produce('orders', 80);
    await until(async () => (await central.effects()).length === 1, { what: 'the end', timeoutMs: 60_000 });
    expect(host.stderr.filter((line) => /is killed|died/.test(line))).toEqual([]);
  });

  test('a process that dies while it starts comes back more and more slowly', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./die.mjs }', {
      'die.mjs': `export default { event() {} };
      setImmediate(() => process.abort());`,
    });
    const host = await hosts.startHost('h1');
    const deaths = () =>
      host.stderr.flatMap((line) => {
        const wait = /orders#1 died .*; the next one starts (?:in (\d+) ms|at once)/.exec(line);
        return wait === null ? [] : [Number(wait[1] ?? 0)];
      });
    await until(() => deaths().length >= 7, { what: 'seven deaths', timeoutMs: 60_000 });
    const [first, ...rest] = deaths();
    expect(first).toBe(0);
    rest.forEach((ms, at) => {
      expect(ms).toBeGreaterThanOrEqual(Math.min(10_000, 100 * 2 ** at) / 2);
      expect(ms).toBeLessThanOrEqual(Math.min(10_000, 100 * 2 ** at));
    });
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });
});
