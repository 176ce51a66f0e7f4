import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import {
  givenTicker,
  givenWorkerHosts,
  untilWorkers,
  type WorkerHosts,
} from '../../support/workers/worker-host.ts';

const QUEUE = '  orders: { create: true, workers: 1, handler: ./handle.mjs }';

interface Seen {
  readonly code: number;
  readonly stdout: string;
}

/** What `lag --max 60s` says, once it says what is expected. */
async function untilLag({ tributary }: WorkerHosts, is: (seen: Seen) => boolean): Promise<Seen> {
  return await until(
    async () => {
      const seen: Seen = await tributary('lag', '--max', '60s');
      return is(seen) && seen;
    },
    { what: 'what lag says of the workers', timeoutMs: 90_000, everyMs: 300 },
  );
}

async function given(handler: string) {
  const hosts = await givenWorkerHosts(QUEUE, { 'handle.mjs': handler });
  const host = await hosts.startHost('h1');
  return { ...hosts, host };
}

describe('lag on workers that run', () => {
  test('a handler that fails makes lag --max fail, which says how many of the last events failed, and why', async () => {
    const hosts = await given(`export default {
      async event(event, { client }) { await client.query('insert into invoice (n) values (1)'); } };`);
    givenTicker(hosts.central, 'orders');
    await hosts.central.produce('orders', 12);
    const { code } = await untilLag(hosts, ({ stdout }) =>
      /Of the last \d+ events of queue orders \d+ failed: relation "invoice" does not exist/.test(stdout),
    );
    expect(code).toBe(3);
  });

  test('a handler that fails for everything is shown as held back, in lag and once in the log, until an event succeeds', async () => {
    const hosts = await given(`export default {
      async event(event, { client }) { await client.query('insert into invoice (n) values (1)'); } };`);
    const { central, host } = hosts;
    givenTicker(central, 'orders');
    await central.produce('orders', 60);
    const { code } = await untilLag(hosts, ({ stdout }) =>
      /Workers of queue orders make no progress on h1: nothing has succeeded for \d+[sm]: relation "invoice" does not exist\. No event loses a try by it; the next \d+ events are tried in \d+s\./.test(
        stdout,
      ),
    );
    expect(code).toBe(3);
    expect(await central.query('select from tributary.dead_event')).toEqual([]);
    await central.query('create table invoice (n int)');
    const handled = () => central.query('select from invoice');
    await until(async () => (await handled()).length === 60, { what: 'all events', timeoutMs: 90_000 });
    await untilLag(hosts, ({ stdout }) => !stdout.includes('nothing has succeeded'));
    await host.waitForLine(/queue orders is not held back any more/);
    expect(host.stderr.filter((line) => /queue orders is held back: nothing has/.test(line))).toHaveLength(1);
  });

  test('a worker that dies again and again is named, with how it dies', async () => {
    const hosts = await given(`setTimeout(() => process.exit(7), 800); export default { async event() {} };`);
    const { code } = await untilLag(hosts, ({ stdout }) =>
      /Workers of queue orders make no progress on h1: orders#1 died \(exit code 7\), \d+ times in a row\./.test(
        stdout,
      ),
    );
    expect(code).toBe(3);
  });

  test('a batch that is given up again and again is named until it is finished', async () => {
    const hosts = await given('export default { async event() {} };');
    const { central } = hosts;
    await untilWorkers(hosts, [hosts.host], 1, { timeoutMs: 60_000 });
    await central.query('alter function tributary.coop_finish_batch(bigint) rename to coop_finish_elsewhere');
    givenTicker(central, 'orders');
    await central.produce('orders', 3);
    const { code } = await untilLag(hosts, ({ stdout }) =>
      /Workers of queue orders make no progress on h1: .*coop_finish_batch/.test(stdout),
    );
    expect(code).toBe(3);
    await central.query('alter function tributary.coop_finish_elsewhere(bigint) rename to coop_finish_batch');
    await untilLag(hosts, ({ stdout }) => !stdout.includes('make no progress'));
  });

  test('a batch that takes long shows how far it is, in lag and in the log', async () => {
    const hosts = await given(`export default { async event() {
      await new Promise((resolve) => setTimeout(resolve, 20)); } };`);
    await untilWorkers(hosts, [hosts.host], 1, { timeoutMs: 60_000 });
    await hosts.central.produce('orders', 1_500);
    givenTicker(hosts.central, 'orders');
    const progress = /orders#1 is at [1-9][\d,]* of about 1,500 events of a batch, since \d+/;
    await untilLag(hosts, ({ stdout }) => progress.test(stdout));
    await until(() => hosts.host.stderr.some((line) => progress.test(line)), {
      what: 'the progress in the log',
      timeoutMs: 90_000,
    });
  });
});
