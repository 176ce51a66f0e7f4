import { describe, expect, test } from 'vitest';
import { givenLoad } from '../../support/mover/steady-load.ts';
import { until } from '../../support/until.ts';
import type { WorkerCentral } from '../../support/workers/worker-central.ts';
import {
  givenTicker,
  givenWorkerHosts,
  untilWorkers,
  WRITING_HANDLER,
} from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

const processes = (central: WorkerCentral) =>
  central.query<{ slot: string; events: number; first: Date; last: Date }>(
    'select slot, count(*)::int as events, min(at) as first, max(at) as last from effect group by slot order by first',
  );

async function untilAll(central: WorkerCentral, count: number): Promise<void> {
  await until(async () => (await central.effects()).length >= count, {
    what: 'all events',
    timeoutMs: 60_000,
  });
  expect(await central.effects()).toEqual(numbers(count));
}

describe('workers that are recycled', () => {
  test('after its number of batches a process hands its slot to a new process, without a gap', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./write.mjs, recycle: { after: 20 batches } }',
      { 'write.mjs': WRITING_HANDLER },
    );
    const { central } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    const load = givenLoad(central, 'orders');
    await until(async () => (await processes(central)).length >= 4, {
      what: 'four processes one after the other',
      timeoutMs: 60_000,
    });
    await untilAll(central, await load.stop());
    const seen = await processes(central);
    // At most one works at a time, and the next one begins where it ended.
    const gaps = seen
      .slice(1)
      .map(({ first }, at) => first.getTime() - (seen[at] as { last: Date }).last.getTime());
    process.stderr.write(`gaps between processes of a slot: ${gaps.join(', ')} ms\n`);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...gaps)).toBeLessThan(1_000);
    expect(await central.query("select epoch from tributary.term where resource = 'slot:orders#1'")).toEqual([
      { epoch: 1 },
    ]);
    expect(host.stderr.some((line) => line.includes('orders#1 is replaced after 20 batches'))).toBe(true);
    expect(host.stderr.filter((line) => / died /.test(line))).toEqual([]);
  });

  test('a process that holds too much memory between batches is replaced', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./leak.mjs, recycle: { memory: 256MB } }',
      {
        'leak.mjs': `const kept = [];
        export default { async event(event, { client }) {
          const { n } = event.json();
          if (n === 1) kept.push(Buffer.alloc(300e6, 1));
          await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(process.pid)]);
        } };`,
      },
    );
    const { central } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await central.produce('orders', 3);
    await untilAll(central, 3);
    const line = await host.waitForLine(/orders#1 is replaced because it holds \d+MB/);
    expect(Number(/holds (\d+)MB/.exec(line)?.[1])).toBeGreaterThan(256);
    await until(
      async () => (await host.stderr.filter((text) => /orders#1 is ready/.test(text)).length) === 2,
      {
        what: 'the next process',
      },
    );
    await central.produce('orders', 3, { from: 4 });
    await untilAll(central, 6);
    expect(await processes(central)).toHaveLength(2);
  });

  test('where the handler cannot be loaded any more, the old process goes on', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./write.mjs, recycle: { after: 5 batches } }',
      { 'write.mjs': WRITING_HANDLER },
    );
    const { central } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 1);
    hosts.rewriteHandler('write.mjs', 'export default { evnt() {} };');
    const load = givenLoad(central, 'orders');
    const line = await host.waitForLine(/goes on with its old process/);
    expect(line).toContain('does not export a handler');
    const made = await load.stop();
    await central.produce('orders', 100, { from: made + 1 });
    await untilAll(central, made + 100);
    expect(await processes(central)).toHaveLength(1);
    // Not again and again with every batch.
    expect(host.stderr.filter((text) => text.includes('is replaced'))).toHaveLength(1);
  });
});
