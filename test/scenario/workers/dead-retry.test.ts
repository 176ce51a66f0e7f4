import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

/** Every sixth event fails while the table `broken` is there. */
const HANDLER = `export default { async event(event, { client, attempt }) {
  const { n } = event.json();
  await client.query('insert into effect (n, slot) values ($1, $2)', [n, attempt + ' ' + event.origin]);
  const { rows } = await client.query("select to_regclass('broken') is not null as is_broken");
  if (n % 6 === 0 && rows[0].is_broken) throw new Error('broken');
} };`;

describe('dead retry', () => {
  test('dead events that are retried are handled exactly once, with their origins and all their tries', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 2, handler: ./write.mjs, retry: { attempts: 2, first: 1ms, max: 1ms } }',
      { 'write.mjs': HANDLER },
    );
    const { central, tributary } = hosts;
    const dead = () =>
      central.query<{ attempts: number }>(
        'select attempts from tributary.dead_event where redriven_at is null',
      );
    givenTicker(central, 'orders');
    await central.query('create table broken ()');
    await central.produce('orders', 90);
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    await until(async () => (await dead()).length === 15, { what: '15 dead events' });

    await tributary('dead', 'retry', '--queue', 'orders', '--yes');
    await until(async () => (await dead()).length === 15, { what: 'the same 15, dead again' });
    expect((await dead()).map(({ attempts }) => attempts)).toEqual(Array.from({ length: 15 }, () => 2));

    await central.query('drop table broken');
    const ran = await tributary('dead', 'retry', '--error', 'broken', '--yes');
    expect(ran.stdout).toMatch(/15 dead events handed out again/);
    await until(async () => (await central.effects()).length >= 90, { what: 'all events' });
    expect(await central.effects()).toEqual(Array.from({ length: 90 }, (_, at) => at + 1));
    expect(await dead()).toEqual([]);
    expect(
      await central.query(
        `select count(*)::int as n from effect where slot ~ ('^[12] s:orders:' || n || '$')`,
      ),
    ).toEqual([{ n: 90 }]);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });
});
