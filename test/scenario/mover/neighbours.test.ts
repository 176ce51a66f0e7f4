// What befalls one shard, one queue or one transaction while a real mover moves the others.
import { describe, expect, test } from 'vitest';
import { TIMING } from '../../../src/lifecycle/timing.ts';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { type Forwarding, givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { isAlive, type TestProcess } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

const untilMoved = (forwarding: Forwarding, events: number, timeoutMs = 15_000) =>
  until(async () => (await forwarding.moved()) >= events, { what: `${events} moved events`, timeoutMs });

async function end(mover: TestProcess): Promise<void> {
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
}

/** The database behind a proxy of its own. */
async function givenDetour(database: TestDatabase) {
  const url = new URL(database.url);
  const proxy = await givenProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  return { proxy, via: { ...database, url: url.href } };
}

/** An installation that reaches its first shard through a proxy. */
async function givenProxiedShard() {
  const cluster = await givenCluster({ shards: 2 });
  const [first, second] = cluster.shards as [TestDatabase, TestDatabase];
  const { proxy, via } = await givenDetour(first);
  const shards = [via, second];
  return { proxy, forwarding: await givenForwarding({ cluster, via: { central: cluster.central, shards } }) };
}

describe('mover', () => {
  test('a shard that cannot be reached at the start does not stop the others, and is moved once it can', async () => {
    const { proxy, forwarding } = await givenProxiedShard();
    for (const shard of forwarding.shards) await givenEvents(shard, 'orders', 10);
    proxy.drop();
    const mover = forwarding.startMover();
    await mover.waitForLine(/Shard s1 /);
    await untilMoved(forwarding, 10);
    proxy.heal();
    expect((await forwarding.untilProven()).moved).toBe(20);
    await end(mover);
  });

  test('a shard that hangs without closing its socket is noticed, and the others go on meanwhile', async () => {
    const { proxy, forwarding } = await givenProxiedShard();
    const mover = forwarding.startMover();
    for (const shard of forwarding.shards) await givenEvents(shard, 'orders', 10);
    await untilMoved(forwarding, 20);
    proxy.blackhole();
    await givenEvents(forwarding.shards[0] as TestDatabase, 'orders', 5);
    const noticed = mover.waitForLine(/no answer within|made no progress/i);
    for (let n = 1; n <= 10; n += 1) {
      await givenEvents(forwarding.shards[1] as TestDatabase, 'email_out', 1);
      // Behind the one that hangs it would wait for as long as a round may take.
      await untilMoved(forwarding, 20 + n, TIMING.shard.roundMs * 0.8);
    }
    await noticed;
    proxy.heal();
    expect((await forwarding.untilProven()).moved).toBe(35);
    await end(mover);
  });

  test('SIGTERM while central is away ends it, and what it had read is moved by the next mover', async () => {
    const cluster = await givenCluster({ shards: 1 });
    const { proxy, via } = await givenDetour(cluster.central);
    const forwarding = await givenForwarding({ cluster, via: { central: via, shards: cluster.shards } });
    const mover = forwarding.startMover();
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random });
    await untilMoved(forwarding, 50);
    proxy.drop();
    await mover.waitForLine(/Central/);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
    await load.stop();
    proxy.heal();
    const next = forwarding.startMover();
    await forwarding.untilProven();
    await end(next);
  });

  test('two movers of the same shards, each sure of its leases, move each event once, and both live on', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const movers = [forwarding.startMover(), forwarding.startMover()];
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random });
    await untilMoved(forwarding, 1_500, 60_000);
    await load.stop();
    await forwarding.untilProven();
    expect(movers.map(({ pid }) => isAlive(pid))).toEqual([true, true]);
    for (const mover of movers) await end(mover);
    await forwarding.untilProven();
  });

  test('a transaction that commits late on a quiet shard is moved within about a second, without waiting for other writers', async () => {
    const forwarding = await givenForwarding({ shards: 1 });
    const [shard] = forwarding.shards as [TestDatabase];
    const mover = forwarding.startMover();
    const late = await shard.connect();
    await late.script(`begin; select pgq.insert_event('orders', 'late', 'x')`);
    await givenEvents(shard, 'orders', 1);
    await untilMoved(forwarding, 1);
    // Until nothing is left to be seen but the open transaction.
    await until(
      async () =>
        (
          await shard.query<{ is_quiet: boolean }>(
            `select max(tick_time) < now() - interval '3 seconds' as is_quiet from pgq.tick`,
          )
        )[0]?.is_quiet,
      { what: 'three seconds without a tick' },
    );
    await late.script('commit');
    // Otherwise only the next tick of a queue at rest would bring it, which comes once a minute.
    await untilMoved(forwarding, 2);
    await end(mover);
  });

  test('one paused queue among five, and one with a ticker of its own, do not keep the others from being ticked', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const queues = `  all: { workers: none, create: true, from: [${names.join(', ')}] }`;
    const forwarding = await givenForwarding({ shards: 1, queues });
    const [shard] = forwarding.shards as [TestDatabase];
    await shard.query(`select pgq.set_queue_config('b', 'ticker_paused', 'true')`);
    await shard.query(`select pgq.set_queue_config('d', 'external_ticker', 'true')`);
    const mover = forwarding.startMover();
    for (const name of names) await givenEvents(shard, name, 3);
    await untilMoved(forwarding, 9);
    await shard.query(`select pgq.set_queue_config('b', 'ticker_paused', 'false')`);
    await shard.query(`select pgq.set_queue_config('d', 'external_ticker', 'false')`);
    expect((await forwarding.untilProven()).moved).toBe(15);
    await end(mover);
  });

  test('a tick with an older snapshot than the one before it repeats nothing', async () => {
    const forwarding = await givenForwarding({ shards: 1 });
    const [shard] = forwarding.shards as [TestDatabase];
    const mover = forwarding.startMover();
    await givenEvents(shard, 'orders', 10);
    await untilMoved(forwarding, 10);
    // As two tickers make them, put there by hand: an id that is new, a snapshot that is not.
    for (let n = 0; n < 5; n += 1) {
      await givenEvents(shard, 'orders', 10);
      await untilMoved(forwarding, 20 + n * 10);
      await shard.query(
        `insert into pgq.tick (tick_queue, tick_id, tick_time, tick_snapshot, tick_event_seq)
         select t.tick_queue, nextval(q.queue_tick_seq::regclass), now(), t.tick_snapshot, t.tick_event_seq
         from pgq.queue q join pgq.tick t on t.tick_queue = q.queue_id
         where q.queue_name = 'orders' order by t.tick_id limit 1`,
      );
    }
    await givenEvents(shard, 'orders', 10);
    await untilMoved(forwarding, 70);
    const { twice, lost } = await forwarding.proof();
    expect({ twice, lost }).toEqual({ twice: [], lost: [] });
    await end(mover);
  });
});
