import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Given, givenMover, proofOf } from '../../support/mover/mover.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const TWO = '  orders: { workers: none, create: true }\n  mails: { workers: none, create: true }';

const count = async (database: TestDatabase, sql: string, values: readonly unknown[] = []) =>
  (await database.query<{ n: number }>(`select count(*) as n from ${sql}`, values))[0]?.n ?? 0;

const occurred = ({ occurrences }: Given, kind: string) =>
  occurrences.filter((one) => one.kind === kind).length;

describe('mover/mover', () => {
  test('a source without a position keeps its shard’s connection, and moves once it has one', async () => {
    const given = await givenMover({ shards: 1, queues: TWO });
    const { central, shards } = given.cluster;
    const [shard] = shards as [TestDatabase];
    await central.query(`create table kept as select * from tributary.position
      where source = (select id from tributary.source where queue = 'mails')`);
    await central.query('delete from tributary.position where source = (select source from kept limit 1)');
    const { mover, ended } = given.start();
    await until(
      () => count(central, `tributary.source_lag where reason like '%position of s1:mails is missing%'`),
      {
        what: 'what ails it',
        timeoutMs: 30_000,
      },
    );
    for (let n = 1; n <= 20; n += 1) {
      await givenEvents(shard, 'orders', 1);
      await until(async () => (await count(central, 'pgq.event_1')) === n, { what: `event ${n}` });
      // Longer than operators' changes are asked for.
      if (n % 5 === 0) await central.query('select pg_sleep(1.1)');
    }
    expect(occurred(given, 'shard-connected')).toBe(1);
    await givenEvents(shard, 'mails', 2);
    await central.query('insert into tributary.position select * from kept');
    await until(async () => (await count(central, 'pgq.event_2')) === 2, {
      what: 'its events',
      timeoutMs: 30_000,
    });
    await mover.stop();
    await ended;
  });

  test('upkeep of central uses one connection, also after its lease was lost and taken again', async () => {
    const given = await givenMover({ shards: 1, queues: TWO });
    const { central } = given.cluster;
    const { mover, ended } = given.start();
    const connections = () =>
      count(
        central,
        `pg_stat_activity where datname = current_database() and application_name like 'tributary upkeep%'`,
      );
    for (let n = 1; n <= 4; n += 1) {
      await until(async () => (await connections()) === 1, { what: 'one connection', timeoutMs: 30_000 });
      await central.query(`update tributary.term set epoch = epoch + 1 where resource = 'upkeep:central'`);
      await until(() => occurred(given, 'lease-lost') === n, { what: 'the loss', timeoutMs: 30_000 });
    }
    await until(async () => (await connections()) === 1, {
      what: 'one connection in the end',
      timeoutMs: 30_000,
    });
    await mover.stop();
    await ended;
    expect(await connections()).toBe(0);
  });

  test('a shard whose lease was lost has no session of ours any more, while what was read of it waits for central', async () => {
    const given = await givenMover({ shards: 1, queues: '  orders: { workers: none, create: true }' });
    const { central, shards } = given.cluster;
    const [shard] = shards as [TestDatabase];
    const sessions = () =>
      count(
        shard,
        `pg_stat_activity where datname = current_database() and application_name like 'tributary mover %'`,
      );
    const waiting = () =>
      count(
        central,
        `pg_stat_activity where application_name like 'tributary commit orders%' and wait_event_type = 'Lock' and datname = current_database()`,
      );
    const locking = await central.connect();
    await locking.script(
      'begin; lock table pgq.event_1, pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 in share mode',
    );
    const { mover, ended } = given.start();
    await givenEvents(shard, 'orders', 3);
    await until(waiting, { what: 'a commit that waits', timeoutMs: 60_000 });
    expect(await sessions()).toBe(1);
    await central.query(`update tributary.term set epoch = epoch + 1 where resource = 'shard:s1'`);
    await until(async () => (await sessions()) === 0, { what: 'no session', timeoutMs: 20_000 });
    expect(await waiting()).toBe(1);
    await locking.script('rollback');
    await until(async () => (await count(central, 'pgq.event_1')) === 3, {
      what: 'its events',
      timeoutMs: 60_000,
    });
    await mover.stop();
    await ended;
  });

  test.each([
    ['alone on its shard', '  orders: { workers: none, create: true }'],
    ['beside others', TWO],
  ])(
    'a pause ends the reading of a large window of a queue %s, and each event is moved once after it',
    async (_, queues) => {
      const given = await givenMover({ shards: 1, queues, more: 'mover: { memory: 32MB, whole: 4MB }' });
      const { central, shards } = given.cluster;
      const [shard] = shards as [TestDatabase];
      const events = 60_000;
      await shard.query(
        `select count(pgq.insert_event('orders', 't', repeat('x', 1000))) from generate_series(1, ${events})`,
      );
      const moved = () => count(central, 'pgq.event_1');
      // What was read waits for this, in memory, and the rest on the shard.
      const locking = await central.connect();
      await locking.script(
        'begin; lock table pgq.event_1, pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 in share mode',
      );
      const { mover, ended } = given.start();
      await until(
        () =>
          count(
            central,
            `pg_stat_activity where application_name like 'tributary commit orders%' and wait_event_type = 'Lock' and datname = current_database()`,
          ),
        {
          what: 'a commit that waits',
          timeoutMs: 60_000,
        },
      );
      await central.query(`update tributary.source set paused_at = now() where queue = 'orders'`);
      await until(() => count(central, `tributary.source_lag where state = 'paused'`), {
        what: 'the pause',
        timeoutMs: 30_000,
      });
      await locking.script('rollback');
      let before = -1;
      await until(
        async () => {
          const now = await moved();
          const isStill = now === before;
          before = now;
          return isStill;
        },
        { what: 'the end of what was read', everyMs: 3_000, timeoutMs: 60_000 },
      );
      expect(before).toBeLessThan(events);
      await central.query('update tributary.source set paused_at = null');
      await until(async () => (await moved()) === events, { what: 'the rest', timeoutMs: 120_000 });
      const proof = await proofOf(given, 'orders');
      expect([proof.lost, proof.twice]).toEqual([[], []]);
      await mover.stop();
      await ended;
    },
    240_000,
  );
});
