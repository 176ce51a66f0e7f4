// Writers that a rotation of a shard overtakes, and a central that went back: what a shard has forgotten by then.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/postgres/connection.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Forwarding, givenForwarding } from '../../support/mover/forwarding.ts';
import { followPositions, rotate } from '../../support/mover/rotation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenBackup } from '../../support/server/restore.ts';
import { givenServer, type TestServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  server = await givenServer();
});

/** A shard on that server, moved by a real mover, and a connection for its upkeep. */
async function givenRotatingShard(queues: string) {
  const cluster = { central: await givenDatabase(), shards: [await givenDatabase({ server })] };
  const forwarding = await givenForwarding({ cluster, queues });
  const [shard] = cluster.shards as [TestDatabase];
  const upkeep = await shard.connect();
  await upkeep.query(`update pgq.queue set queue_rotation_period = '0'`);
  return { forwarding, shard, upkeep, mover: forwarding.startMover() };
}

/** Moves an event of its own, and rotates as soon as the watermark lets it. */
async function rotateOnce(
  forwarding: Forwarding,
  { shard, upkeep }: { shard: TestDatabase; upkeep: Connection },
  queue = 'orders',
): Promise<void> {
  const turn = async () => {
    await givenEvents(shard, queue, 1);
    await until(async () => (await isMoved(forwarding, queue)) === true, { what: `all of ${queue}` });
    await followPositions(forwarding, [upkeep]);
    return (await rotate(upkeep, [queue])) > 0;
  };
  await until(turn, { what: `a rotation of ${queue}`, timeoutMs: 60_000 });
}

/** Whether central has the newest event of the queue. */
async function isMoved({ central, shards }: Forwarding, queue: string): Promise<boolean> {
  const [shard] = shards as [TestDatabase];
  const [newest] = await shard.query<{ origin: string }>(
    `select 's1:${queue}:' || max(ev_id) as origin from ${await tableOf(shard, queue)}`,
  );
  return (
    (await central.query('select from pgq.event_template where ev_extra4 = $1', [newest?.origin])).length > 0
  );
}

async function tableOf(database: TestDatabase, queue: string): Promise<string> {
  const [row] = await database.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  return row?.name as string;
}

const ORDERS = '  orders: { workers: none, create: true }';

describe('mover', () => {
  test('events of writers that were overtaken by a rotation, in three ways, are moved', async () => {
    const { forwarding, shard, upkeep, mover } = await givenRotatingShard(ORDERS);
    const arrived = async (data: string) =>
      (await forwarding.central.query('select from pgq.event_template where ev_data = $1', [data])).length;
    const untilArrived = (data: string) => until(async () => (await arrived(data)) > 0, { what: data });
    const [writer, locker] = [await shard.connect(), await shard.connect()];

    await writer.script('begin isolation level repeatable read; select count(*) from pgq.queue');
    await rotateOnce(forwarding, { shard, upkeep });
    await writer.script(`select pgq.insert_event('orders', 'test', 'by an old snapshot'); commit`);
    await untilArrived('by an old snapshot');

    await writer.script('begin');
    const [asked] = await writer.query<{ name: string }>(`select pgq.current_event_table('orders') as name`);
    await rotateOnce(forwarding, { shard, upkeep });
    await writer.script(
      `insert into ${asked?.name} (ev_time, ev_data) values (now(), 'to an old table'); commit`,
    );
    await untilArrived('to an old table');

    const [current] = await shard.query<{ name: string }>(`select pgq.current_event_table('orders') as name`);
    await locker.script(`begin; lock table ${current?.name} in share mode`);
    const stalled = writer.script(`select pgq.insert_event('orders', 'test', 'behind a lock')`);
    const isStalled = async () =>
      (await shard.query('select from pg_locks where pid = $1 and not granted', [writer.backendPid])).length >
      0;
    await until(isStalled, { what: 'the insert to wait' });
    // Where the writer has its number by now it holds the rotation back, and is not overtaken.
    await followPositions(forwarding, [upkeep]);
    await rotate(upkeep, ['orders']).catch(() => upkeep.script('rollback'));
    await locker.script('commit');
    await stalled;
    await untilArrived('behind a lock');

    for (const data of ['by an old snapshot', 'to an old table', 'behind a lock'])
      expect(await arrived(data)).toBe(1);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });

  test('central restored from an hour ago gets again what `keep` held back; without it the source halts', async () => {
    const { forwarding, shard, upkeep, mover } = await givenRotatingShard(
      `${ORDERS.replace('create', 'keep: 1h, create')}\n  emails: { workers: none, create: true }`,
    );
    for (const queue of ['orders', 'emails']) await givenEvents(shard, queue, 20);
    await until(async () => (await forwarding.moved()) === 40, { what: '40 events' });
    mover.kill('SIGTERM');
    await mover.exit;
    const backup = await givenBackup(forwarding.central);
    const second = forwarding.startMover();
    for (const queue of ['orders', 'emails']) await givenEvents(shard, queue, 30);
    await until(async () => (await forwarding.moved()) === 100, { what: '100 events' });
    for (let rotations = 0; rotations < 3; rotations += 1) {
      await rotateOnce(forwarding, { shard, upkeep }, 'emails');
      await followPositions(forwarding, [upkeep], { keepMs: { orders: 3_600_000 } });
      await rotate(upkeep, ['orders']);
    }
    await backup.restore();
    const halted = () =>
      forwarding.central.query<{ queue: string; reason: string }>(
        `select queue, halt_reason as reason from tributary.source where state = 'halted'`,
      );
    await until(async () => (await halted()).length > 0, { what: 'the halt', timeoutMs: 60_000 });
    expect(await halted()).toEqual([
      {
        queue: 'emails',
        reason: expect.stringMatching(
          /central is older than what was moved into it.*keeps no events so old.*`tributary repair s1:emails/,
        ),
      },
    ]);
    const orders = async () =>
      (await forwarding.central.query(`select from pgq.event_template where ev_extra4 like 's1:orders:%'`))
        .length;
    await until(async () => (await orders()) >= 50, { what: '50 orders', timeoutMs: 60_000 });
    await givenEvents(shard, 'orders', 5);
    await until(async () => (await orders()) >= 55, { what: '55 orders' });
    expect(await orders()).toBe(55);
    second.kill('SIGTERM');
    expect((await second.exit).code).toBe(0);
  });
});
