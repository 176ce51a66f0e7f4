import { getPriority } from 'node:os';
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenWorkerHosts, untilWorkers, type WorkerHosts } from '../../support/workers/worker-host.ts';

/** Each event burns processor time, and counts at once, not with its batch. */
const BURN = `export default { async event(event, { client }) {
  const { ms } = event.json();
  const begun = process.cpuUsage();
  for (let x = 0; (process.cpuUsage(begun).user) < ms * 1000; ) for (let i = 0; i < 2e4; i++) x += Math.sqrt(i);
  await client.query("select nextval('done_QUEUE')");
} };`;
const HANDLERS = {
  'orders.mjs': BURN.replace('QUEUE', 'orders'),
  'emails.mjs': BURN.replace('QUEUE', 'emails'),
};

async function givenBurners(queues: string): Promise<WorkerHosts & { done(queue: string): Promise<number> }> {
  const hosts = await givenWorkerHosts(queues, HANDLERS);
  await hosts.central.query('create sequence done_orders');
  await hosts.central.query('create sequence done_emails');
  const done = async (queue: string) => {
    const [row] = await hosts.central.query<{ n: number | null }>(
      'select pg_sequence_last_value($1::regclass) as n',
      [`done_${queue}`],
    );
    return Number(row?.n ?? 0);
  };
  return { ...hosts, done };
}

/** A batch for each worker, long enough for the test. */
async function occupy({ central }: WorkerHosts, queue: string, workers: number): Promise<void> {
  for (let batch = 1; batch <= workers; batch++) {
    await central.query(`select pgq.insert_event($1, 'made', '{"ms": 25}') from generate_series(1, 4000)`, [
      queue,
    ]);
    await central.tick(queue);
    await until(
      async () =>
        (
          await central.query(
            `select 1 from pgq.subscription join pgq.queue on queue_id = sub_queue
              where queue_name = $1 and sub_batch is not null`,
            [queue],
          )
        ).length === batch,
      { what: `batch ${batch} of ${queue}`, timeoutMs: 60_000 },
    );
  }
}

describe('workers of several queues on one host', () => {
  test('share its processors by weight, and the lowest weight still gets some', async () => {
    const hosts = await givenBurners(
      `  orders: { create: true, workers: 2, handler: ./orders.mjs, weight: 1 }
  emails: { create: true, workers: 2, handler: ./emails.mjs, weight: 8 }`,
    );
    const { done, workersOf } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 4, { timeoutMs: 60_000 });
    await occupy(hosts, 'orders', 2);
    await occupy(hosts, 'emails', 2);
    const isNice = ([slot, pid]: [string, number]) =>
      getPriority(pid) - getPriority() === (slot.startsWith('orders#') ? 9 : 0);
    await until(() => [...workersOf(host)].every(isNice), { what: 'the niceness of all four' });
    const before = { orders: await done('orders'), emails: await done('emails') };
    await until(async () => (await done('emails')) > before.emails + 200, {
      what: 'work',
      timeoutMs: 100_000,
    });
    const orders = (await done('orders')) - before.orders;
    const emails = (await done('emails')) - before.emails;
    process.stderr.write(`events of 25 ms: weight 8 did ${emails}, weight 1 did ${orders}\n`);
    expect(orders).toBeGreaterThan(0);
    expect(emails / orders).toBeGreaterThan(1.5);
    host.kill('SIGKILL');
  });

  test('a busy queue does not starve a quiet one', async () => {
    const hosts = await givenBurners(
      `  orders: { create: true, workers: 6, handler: ./orders.mjs }
  emails: { create: true, workers: 1, handler: ./emails.mjs, weight: 1 }`,
    );
    const { central, done } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 7, { timeoutMs: 60_000 });
    await occupy(hosts, 'orders', 6);
    const waits: number[] = [];
    for (let n = 1; n <= 20; n++) {
      const startedMs = performance.now();
      await central.query(`select pgq.insert_event('emails', 'made', '{"ms": 2}')`);
      await central.tick('emails');
      await until(async () => (await done('emails')) === n, {
        what: 'the quiet queue’s event',
        everyMs: 5,
        timeoutMs: 30_000,
      });
      waits.push(performance.now() - startedMs);
    }
    waits.sort((a, b) => a - b);
    const at = (share: number) => Math.round(waits[Math.floor(share * (waits.length - 1))] as number);
    process.stderr.write(`the quiet queue beside 6 that burn: p50 ${at(0.5)} ms, longest ${at(1)} ms\n`);
    expect(at(0.5)).toBeLessThan(2_000);
    host.kill('SIGKILL');
  });
});
