// Schedules that were once seen to lose or repeat events somewhere, each staged on its own.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Forwarding, givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { stateOf, type TestProcess } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

/** In one transaction, in a window that is cut. */
const ROWS = 30_000;

const untilMoved = (forwarding: Forwarding, events: number) =>
  until(async () => (await forwarding.moved()) >= events, { what: `${events} moved events` });

async function end(mover: TestProcess): Promise<void> {
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
}

/** Which shard each process holds, once both hold one. */
async function sharedOut({ central }: Forwarding, movers: readonly TestProcess[]): Promise<string[]> {
  return await until(
    async () => {
      const rows = await central.query<{ pid: number; shard: string }>(
        `select pid, substr(resource, 7) as shard from tributary.lease where is_held and resource like 'shard:%'`,
      );
      const shards = movers.map(({ pid }) => rows.find((row) => row.pid === pid)?.shard);
      return shards.includes(undefined) ? undefined : (shards as string[]);
    },
    { what: 'a shard for each mover', timeoutMs: 40_000 },
  );
}

describe('mover', () => {
  test('of two gathered commits that overlap on a quiet queue, the one that ends last is ticked as well', async () => {
    const forwarding = await givenForwarding({ shards: 4, hasLeases: true });
    const slow = forwarding.startMover({ env: { TRIBUTARY_FAIL_POINT: 'commit:copied=stop' } });
    const quick = forwarding.startMover();
    const [ofSlow, ofQuick] = (await sharedOut(forwarding, [slow, quick])).map(
      (name) => forwarding.shards[Number(name.slice(1)) - 1] as TestDatabase,
    ) as [TestDatabase, TestDatabase];
    await givenEvents(ofSlow, 'orders', 1);
    await until(() => stateOf(slow.pid) === 'T', { what: 'a commit that is open' });
    await givenEvents(ofQuick, 'orders', 1);
    await untilMoved(forwarding, 1);
    const covered = `select from pgq.event_template e, (select tick_snapshot from pgq.tick t
        join pgq.queue q on q.queue_id = t.tick_queue where q.queue_name = 'orders' order by tick_id desc limit 1) l
      where txid_visible_in_snapshot(e.ev_txid, l.tick_snapshot)`;
    await until(async () => (await forwarding.central.query(covered)).length === 1, { what: 'its tick' });
    slow.kill('SIGCONT');
    expect((await forwarding.untilProven()).moved).toBe(2);
    await end(slow);
    await end(quick);
  });

  test('rows of one id stay together, wherever the mover dies between the parts of a window', async () => {
    const forwarding = await givenForwarding({
      shards: 1,
      queues: '  orders: { workers: none, create: true }',
      // One commit takes no more than a reader may hold, here a third of a megabyte: no mover gets through before it dies.
      more: 'mover: { memory: 1MB, whole: 16kB }',
    });
    const [shard] = forwarding.shards as [TestDatabase];
    // 7 MB in one transaction: seven rows of each id, in parts of about 16 kB.
    await shard.query(
      `select count(pgq.insert_event_raw('orders', 1000 + n / 7, now(), null, null, 'test', n || repeat(' ', 200), null, null, null, null))
       from generate_series(0, ${ROWS - 1}) n`,
    );
    for (const [point, nth] of [
      ['commit:committed', 1],
      ['commit:copied', 2],
      ['commit:committed', 3],
    ]) {
      const dying = forwarding.startMover({ env: { TRIBUTARY_FAIL_POINT: `${point}=kill*${nth}` } });
      expect((await dying.exit).signal).toBe('SIGKILL');
      expect(await forwarding.moved()).toBeLessThan(ROWS);
    }
    const last = forwarding.startMover();
    await until(async () => (await forwarding.moved()) >= ROWS, { what: 'all rows', timeoutMs: 60_000 });
    const [sums] = await forwarding.central.query(
      `select count(*) as rows, count(distinct trim(ev_data)::int) as different, max(trim(ev_data)::int) as highest from pgq.event_template`,
    );
    expect(sums).toEqual({ rows: ROWS, different: ROWS, highest: ROWS - 1 });
    await end(last);
  });

  test('an empty window between full ones moves the position, and nothing else', async () => {
    const forwarding = await givenForwarding({ shards: 1 });
    const [shard] = forwarding.shards as [TestDatabase];
    let mover = forwarding.startMover();
    for (let n = 1; n <= 3; n += 1) {
      await givenEvents(shard, 'orders', 10);
      await untilMoved(forwarding, n * 10);
      // Whoever ticks next, we or the mover, makes a tick.
      const [tick] = await shard.query<{ id: number }>(`select pgq.force_tick('orders') as id`);
      await shard.query(`select pgq.ticker('orders')`);
      const isPassed = async () =>
        (
          await forwarding.central.query(
            `select from tributary.sources_of('{s1}') where queue = 'orders' and tick_id > $1`,
            [tick?.id],
          )
        ).length === 1;
      await until(isPassed, { what: 'the position to pass the empty window' });
      mover.kill('SIGKILL');
      mover = forwarding.startMover();
    }
    await givenEvents(shard, 'orders', 10);
    expect((await forwarding.untilProven()).moved).toBe(40);
    await end(mover);
  });

  test('snapshots held on central and on a shard under load stop nothing', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const mover = forwarding.startMover();
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random, bulk: 200 });
    await untilMoved(forwarding, 100);
    const holders = await Promise.all([forwarding.central, ...forwarding.shards].map((one) => one.connect()));
    for (const holder of holders)
      await holder.script('begin isolation level repeatable read; select count(*) from pgq.tick');
    for (let seconds = 0; seconds < 10; seconds += 1) {
      const before = await forwarding.moved();
      await pause(1_000);
      await untilMoved(forwarding, before + 1);
    }
    await load.stop();
    await forwarding.untilProven();
    for (const holder of holders) await holder.script('commit');
    await end(mover);
  });
});
