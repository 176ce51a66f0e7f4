// Disks that are full for a while: nothing is lost or given up, and when there is room again all goes on by itself.
import { describe, expect, test } from 'vitest';
import { type Forwarding, givenForwarding } from '../../support/mover/forwarding.ts';
import type { TestProcess } from '../../support/processes/process.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import { givenSmallDisk, type SmallDisk } from './small-disk.ts';

const NO_ROOM = /no disk space left|No space left/;

/** A database on a server of its own, all of whose files but the log are on the disk. */
async function givenDatabaseOn({ path }: SmallDisk): Promise<TestDatabase> {
  const server = await givenServer();
  const admin = await givenDatabase({ server, pgq: false });
  const database = await givenDatabase({ server });
  await admin.query(`create tablespace small location '${path}'`);
  await admin.query(`alter database ${database.name} set tablespace small`);
  return database;
}

/** Events of some size, so that pages that are there already do not hold many of them. */
async function insert(shard: TestDatabase, queue: string, events: number): Promise<void> {
  await shard.query(
    `select pgq.insert_event($1, 'test', (select string_agg(md5(random()::text || k), '') from generate_series(1, 60) k))
     from generate_series(1, $2::int) n`,
    [queue, events],
  );
}

/** How often it could be done before there was no room any more. */
async function untilFull(write: () => Promise<unknown>): Promise<number> {
  for (let times = 0; ; times += 1) {
    try {
      await write();
    } catch (error) {
      expect(error).toMatchObject({ code: '53100' });
      return times;
    }
  }
}

const untilSaid = (mover: TestProcess, times: number) =>
  until(() => mover.stderr.filter((line) => NO_ROOM.test(line)).length >= times, {
    what: `${times} times that there is no room`,
    timeoutMs: 60_000,
  });

async function untilDone(forwarding: Forwarding, mover: TestProcess, events: number): Promise<void> {
  expect((await forwarding.untilProven()).moved).toBe(events);
  expect(await forwarding.central.query('select from tributary.dead_event')).toEqual([]);
  expect(await forwarding.central.query(`select from tributary.source where state = 'halted'`)).toEqual([]);
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
}

describe('mover', () => {
  test('while central has no disk space nothing moves and no event becomes dead; with space it goes on by itself', async ({
    skip,
  }) => {
    const disk = await givenSmallDisk();
    if (typeof disk === 'string') return skip(disk);
    const central = await givenDatabaseOn(disk);
    const shards = [await givenDatabase(), await givenDatabase()] as const;
    const forwarding = await givenForwarding({ cluster: { central, shards } });
    const mover = forwarding.startMover();
    for (const shard of shards) await insert(shard, 'orders', 50);
    await until(async () => (await forwarding.moved()) === 100, { what: '100 orders' });
    disk.fill();
    for (const shard of shards) {
      for (let n = 0; n < 20; n += 1) await insert(shard, 'orders', 100);
      await insert(shard, 'email_out', 100);
    }
    await untilSaid(mover, 5);
    expect(await forwarding.moved()).toBeLessThan(4_300);
    disk.free();
    await untilDone(forwarding, mover, 4_300);
  });

  test('a shard without disk space stops no other; with space it goes on by itself', async ({ skip }) => {
    const disk = await givenSmallDisk();
    if (typeof disk === 'string') return skip(disk);
    const central = await givenDatabase();
    const [full, other] = [await givenDatabaseOn(disk), await givenDatabase()];
    const forwarding = await givenForwarding({ cluster: { central, shards: [full, other] } });
    const mover = forwarding.startMover();
    for (const shard of [full, other]) await insert(shard, 'orders', 50);
    await until(async () => (await forwarding.moved()) === 100, { what: '100 orders' });
    // Its first page, with room for more.
    await full.query(`select pgq.insert_event('email_out', 'test', 'first')`);
    await until(async () => (await forwarding.moved()) === 101, { what: 'the email' });
    disk.fill();
    const orders = await untilFull(() => insert(full, 'orders', 5));
    await untilFull(() => full.query(`select pgq.force_tick('email_bulk'), pgq.ticker('email_bulk')`));
    // There is room for it, but not for its tick.
    await full.query(`select pgq.insert_event('email_out', 'test', 'second')`);
    await untilSaid(mover, 3);
    for (let n = 0; n < 5; n += 1) {
      await insert(other, 'orders', 10);
      await until(async () => (await forwarding.proof()).lost.every((origin) => origin.startsWith('s1:')), {
        what: 'the other shard',
      });
    }
    disk.free();
    await insert(full, 'orders', 10);
    await untilDone(forwarding, mover, 102 + orders * 5 + 50 + 10);
  });
});
