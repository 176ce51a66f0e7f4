import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const queues = (options: string) => `
  orders: { create: true, ${options}, handler: ./call.mjs }
  mails: { create: true, workers: 0 }`;

describe('workers without a transaction that are killed', () => {
  test.each([
    ['without a transaction', 'transaction: false, concurrency: 6,'],
    ['in the transaction', ''],
  ])('%s: what events send exists exactly once each, whenever workers die', async (_what, option) => {
    const random = randomFrom(
      process.env.TRIBUTARY_TEST_SEED ? Number(process.env.TRIBUTARY_TEST_SEED) : undefined,
    );
    process.stderr.write(`TRIBUTARY_TEST_SEED=${random.seed}\n`);
    const hosts = await givenWorkerHosts(queues('workers: 3'), {
      'call.mjs': `export default { ${option} async event(event, { send }) {
        send('mails', [{ type: 'a', data: event.data }, { type: 'b', data: event.data }]);
        await new Promise((resolve) => setTimeout(resolve, 2));
      } };`,
    });
    const { central, workersOf } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 3);
    let made = 0;
    for (let kill = 0; kill < 12; kill++) {
      await central.produce('orders', 200, { from: made + 1 });
      made += 200;
      await sleep(random.below(300));
      const pids = await until(() => [...workersOf(host).values()], { what: 'a worker' });
      if (pids.length > 0) process.kill(random.pick(pids), 'SIGKILL');
    }
    const counts = () =>
      central.query<{ events: number; roots: number; most: number }>(
        `select count(*)::int as events, count(distinct ev_extra4)::int as roots,
                coalesce((select max(n)::int from (select count(*) as n from pgq.event_2 group by ev_extra4, ev_type) g), 0) as most
           from pgq.event_2`,
      );
    await until(async () => (await counts())[0]?.roots === made, { what: 'all events', timeoutMs: 90_000 });
    await until(
      async () =>
        (await central.query('select 1 from pgq.subscription where sub_batch is not null')).length === 0,
      { what: 'the end of all batches' },
    );
    expect(await counts()).toEqual([{ events: 2 * made, roots: made, most: 1 }]);
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
    expect(await central.query('select * from tributary.narrowing')).toEqual([]);
  });

  test('a call that takes longer than dead workers are waited for keeps its batch', async () => {
    const hosts = await givenWorkerHosts(queues('workers: 2, timeout: 60s'), {
      'call.mjs': `export default { transaction: false, async event(event, { send }) {
          await new Promise((resolve) => setTimeout(resolve, 22_000));
          send('mails', { type: 'done' });
        } };`,
    });
    const { central } = hosts;
    await central.produce('orders', 1);
    await central.tick('orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    const held = await until(
      async () => {
        const rows = await central.query<{ token: number }>(
          'select sub_batch as token from pgq.subscription where sub_batch is not null',
        );
        return rows.length === 1 && rows;
      },
      { what: 'the batch' },
    );
    const seen = new Set<number>();
    const idleInTransaction = new Set<string>();
    await until(
      async () => {
        const rows = await central.query<{ token: number }>(
          'select sub_batch as token from pgq.subscription where sub_batch is not null',
        );
        for (const { token } of rows) seen.add(token);
        const open = await central.query<{ name: string }>(
          `select application_name as name from pg_stat_activity
            where datname = current_database() and application_name like 'tributary orders#%'
              and xact_start < now() - interval '3 seconds'`,
        );
        for (const { name } of open) idleInTransaction.add(name);
        return (await central.query("select 1 from pgq.event_2 where ev_type = 'done'")).length > 0;
      },
      { what: 'the end of the call', timeoutMs: 60_000, everyMs: 200 },
    );
    expect([...seen]).toEqual(held.map(({ token }) => token));
    expect([...idleInTransaction]).toEqual([]);
    expect(await central.query('select * from tributary.coop_opening')).toEqual([]);
  });
});
