// A worker that waits is woken by each tick, also by one that comes between its look and its wait.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startTributary } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const BATCHES = 150;
/** Looks of its own that come too late for this test: what no notification wakes waits in vain. */
const NO_LOOKS = 'worker.idle=60000 worker.idleNotified=60000';
const random = randomFrom(Math.floor(Math.random() * 2 ** 31));

describe('wakes', () => {
  test('each tick wakes a worker, whatever it does at that moment', async () => {
    process.stderr.write(`seed ${random.seed}\n`);
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./write.mjs }');
    const { central } = hosts;
    const host = startTributary(['-c', hosts.file, 'work', '--host', 'h1'], {
      env: { TRIBUTARY_TIMING: NO_LOOKS },
    });
    await untilWorkers(hosts, [host], 1);
    const connection = await central.connect();
    const count = async () =>
      Number((await connection.query<{ n: number }>('select count(*)::int as n from effect'))[0]?.n);
    for (let n = 1; n <= BATCHES; n += 1) {
      await connection.query(`select pgq.insert_event('orders', 'made', '{"n":${n}}')`);
      await connection.query("select tributary.tick('orders', null)");
      await until(async () => (await count()) >= n, { what: `event ${n}`, everyMs: 1 });
      // It has committed, looks again, finds nothing, and is about to wait.
      await pause(random.next() * 8);
    }
    expect(await count()).toBe(BATCHES);
  });

  test('a batch that is opened by a wake and cannot be read comes again when it can', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 1, handler: ./write.mjs }');
    const { central } = hosts;
    const host = startTributary(['-c', hosts.file, 'work', '--host', 'h1']);
    await untilWorkers(hosts, [host], 1);
    const connection = await central.connect();
    const handled = async (n: number) =>
      (await connection.query<{ n: number }>('select count(*)::int as n from effect'))[0]?.n === n;
    const insert = async () => {
      await connection.query(`select pgq.insert_event('orders', 'made', '{"n":1}')`);
      await connection.query("select tributary.tick('orders', null)");
    };
    // Only a worker that knows the size of events reads a batch with its opening.
    for (let n = 1; n <= 3; n += 1) {
      await insert();
      await until(() => handled(n), { what: `event ${n}` });
    }
    await connection.query('alter function pgq.get_batch_events(bigint) rename to no_batch_events');
    await insert();
    await host.waitForLine(/get_batch_events/);
    await connection.query('alter function pgq.no_batch_events(bigint) rename to get_batch_events');
    await until(() => handled(4), { what: 'the event that could not be read' });
    expect(await connection.query('select from pgq.subscription where sub_batch is not null')).toEqual([]);
  });
});
