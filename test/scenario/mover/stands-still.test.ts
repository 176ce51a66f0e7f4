// What may not stand still: a mover behind a central that failed over, queues beside one that central does not take, ticks
// and figures on hosts whose clock was set back.
import { expect, test } from 'vitest';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenForwarding } from '../../support/mover/forwarding.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';
import { givenClock } from './clock.ts';

const TWO = '  orders: { workers: none, create: true }\n  mails: { workers: none, create: true }';

/** Central behind a proxy. */
async function givenDetour(options: { shards: number; queues?: string }) {
  const cluster = await givenCluster({ shards: options.shards });
  const url = new URL(cluster.central.url);
  const proxy = await givenProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  const via = { ...cluster, central: { ...cluster.central, url: url.href } };
  const forwarding = await givenForwarding({ queues: TWO, ...options, cluster, via, hasLeases: true });
  return { proxy, forwarding };
}

/** Half a minute each, so that a slow central is not given up: as long as it takes to see what waits for them, and no longer. */
const IMPATIENT = { env: { TRIBUTARY_TIMING: 'connections.callMs=20000 gathering.commitMs=16000' } };

const insert = async (shards: readonly TestDatabase[], queue: string, events = 1) => {
  for (const shard of shards) await givenEvents(shard, queue, events);
};

test('after a failover of central that old connections do not notice, shards are taken again and moved', async () => {
  const { proxy, forwarding } = await givenDetour({ shards: 2 });
  const mover = forwarding.startMover(IMPATIENT);
  await insert(forwarding.shards, 'orders', 5);
  await until(async () => (await forwarding.moved()) === 10, { what: 'the first events', timeoutMs: 30_000 });
  proxy.blackhole();
  // A commit that is never answered: the loop of a shard that is lost ends behind it, and is wanted again before that.
  await insert(forwarding.shards, 'orders', 5);
  await mover.waitForLine(/lease of shard:s1 ran out/, { timeoutMs: 60_000 });
  proxy.strand();
  await insert(forwarding.shards, 'orders', 5);
  await until(async () => (await forwarding.moved()) === 30, {
    what: 'the events after the failover',
    timeoutMs: 90_000,
  });
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
});

test('a queue that central does not take keeps no other queue of the shard waiting', async () => {
  const forwarding = await givenForwarding({ shards: 1, queues: TWO });
  const { central, shards } = forwarding;
  const mover = forwarding.startMover(IMPATIENT);
  await insert(shards, 'orders');
  await insert(shards, 'mails');
  await until(async () => (await forwarding.moved()) === 2, { what: 'one of each', timeoutMs: 30_000 });
  const locking = await central.connect();
  await locking.script(
    'begin; lock table pgq.event_1, pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 in share mode',
  );
  const mails = async () =>
    (await central.query<{ n: number }>('select count(*) as n from pgq.event_2'))[0]?.n ?? 0;
  const began = performance.now();
  // Beyond the time after which the commit that waits is given up and tried again.
  for (let n = 2; performance.now() - began < 20_000; n += 1) {
    await insert(shards, 'orders');
    await insert(shards, 'mails');
    await until(async () => (await mails()) === n, { what: `mail ${n}`, timeoutMs: 8_000 });
  }
  const silent = await central.query(
    `select reason from tributary.source_lag where reason like '%has not answered%'`,
  );
  expect(silent).toEqual([]);
  await locking.script('rollback');
  await forwarding.untilProven({ timeoutMs: 60_000 });
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
});

test('after the clock of a shard is set back its ticks go on, and so does the age of what waits', async () => {
  const cluster = await givenCluster({ shards: 1 });
  const [shard] = cluster.shards as [TestDatabase];
  await shard.query(`select pgq.create_queue('orders')`);
  // As if they were made before: an hour ahead of the clock of now.
  await shard.query(`update pgq.tick set tick_time = tick_time + interval '1 hour'`);
  const forwarding = await givenForwarding({ cluster, queues: '  orders: { workers: none, start: oldest }' });
  await shard.query(`select pgq.set_queue_config('orders', 'ticker_paused', 'true')`);
  const mover = forwarding.startMover();
  await insert([shard], 'orders', 3);
  await until(
    async () => {
      const [row] = await forwarding.central.query<{ seconds: number; reason: string | null }>(
        'select seconds_behind as seconds, reason from tributary.source_lag',
      );
      return (row?.seconds ?? 0) > 5 && row?.reason?.includes('ticker is paused');
    },
    { what: 'the age of the events, and why they wait', timeoutMs: 60_000 },
  );
  await shard.query(`select pgq.set_queue_config('orders', 'ticker_paused', 'false')`);
  await until(async () => (await forwarding.moved()) === 3, { what: 'the events', timeoutMs: 30_000 });
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
});

test('after the clock of the mover’s host is set back late commits, watermarks and figures go on', async () => {
  const clock = givenClock(3_600_000);
  const forwarding = await givenForwarding({ shards: 1, queues: TWO });
  const { central, shards } = forwarding;
  const [shard] = shards as [TestDatabase];
  const mover = forwarding.startMover({ env: clock.env });
  await insert(shards, 'orders', 2);
  await until(async () => (await forwarding.moved()) === 2, { what: 'the first events', timeoutMs: 30_000 });
  const late = await shard.connect();
  await late.script(`begin; select pgq.insert_event('orders', 't', 'late')`);
  await insert(shards, 'orders', 1);
  await until(async () => (await forwarding.moved()) === 3, {
    what: 'an event beside it',
    timeoutMs: 30_000,
  });
  clock.set(0);
  await late.script('commit');
  await until(async () => (await forwarding.moved()) === 4, { what: 'the late one', timeoutMs: 20_000 });
  const [position] = await central.query<{ tick_id: number }>(
    `select p.tick_id from tributary.sources_of('{s1}') p where p.queue = 'orders'`,
  );
  await until(
    async () => {
      const [row] = await shard.query<{ tick: number }>(
        `select sub_last_tick as tick from pgq.subscription s join pgq.queue q on q.queue_id = s.sub_queue where q.queue_name = 'orders'`,
      );
      return (row?.tick ?? 0) >= (position?.tick_id ?? Number.POSITIVE_INFINITY);
    },
    { what: 'the watermark', timeoutMs: 30_000 },
  );
  const [before] = await central.query<{ at: string }>(
    'select max(at)::text as at from tributary.source_lag',
  );
  await until(
    async () => {
      const [now] = await central.query<{ at: string }>(
        'select max(at)::text as at from tributary.source_lag',
      );
      return now?.at !== before?.at;
    },
    { what: 'figures', timeoutMs: 20_000 },
  );
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
});
