import { describe, expect, test } from 'vitest';
import { Backpressure } from '../../../src/mover/limits/backpressure.ts';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

describe('mover/limits/backpressure', () => {
  test('slows down from four fifths of the limit on, stops at the limit, goes on at nine tenths', () => {
    const pressure = new Backpressure('orders', { bytes: 100, waiting: undefined });
    const at = (held: number) => {
      pressure.measured({ bytes: held, waiting: 1_000_000, handled: 0, others: [] });
      return [pressure.hasStopped, pressure.pauseMs];
    };
    expect([at(50), at(80), at(90), at(99)]).toEqual([
      [false, 0],
      [false, 0],
      [false, 1000],
      [false, 1900],
    ]);
    expect([at(100), at(95), at(90)]).toEqual([
      [true, 2000],
      [true, 1500],
      [false, 1000],
    ]);
  });

  test('the limit that holds a shard back is the one that is shown', () => {
    const pressure = new Backpressure('orders', { bytes: 100 * 1_048_576, waiting: 1_000 });
    const at = (megabytes: number, waiting: number) => {
      const own = { shards: new Map([['s1', 500]]), underWay: 0 };
      for (let look = 0; look < 2; look += 1) {
        pressure.measured({ bytes: megabytes * 1_048_576, waiting, handled: 0, others: [] }, own);
        pressure.takes('s1');
      }
      return pressure.reasonFor('s1');
    };
    expect(at(50, 950)).toBeUndefined();
    expect(at(50, 1_000)).toBe(
      'In central queue orders 1000 events wait, of the 1000 of its `waiting`: more goes in as workers make room, of each shard in turn; add workers, see that they finish, or raise it.',
    );
    expect(pressure.reasonFor('s2')).toBeUndefined();
    expect(at(100, 3)).toBe(
      "Central queue orders holds 100 MB of the 100 MB of its `backlog`: nothing is forwarded until it is less; 3 events in it wait for workers, the rest for rotation: add workers, shorten the queue's rotation period, or raise it.",
    );
  });

  test('events that wait for workers are held back on their shards at the limit, and moved once they are worked off', async () => {
    const given = await givenMover({
      shards: 1,
      queues: '  orders: { workers: 0, create: true, waiting: 1000 }',
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    const { central } = given.cluster;
    const fill = (events: number) =>
      one.query(
        `select count(pgq.insert_event('orders', 'test', n::text)) from generate_series(1, $1::int) n`,
        [events],
      );
    const moved = async () =>
      (await central.query<{ count: number }>('select count(*) from pgq.event_1'))[0]?.count;
    const { mover, ended } = given.start();
    await fill(1_500);
    const reason = async () =>
      (
        await central.query<{ reason: string }>(
          'select reason from tributary.source_lag where reason is not null',
        )
      )[0]?.reason;
    let made = 1_500;
    await until(
      async () => {
        await fill(1);
        made += 1;
        return /events wait, of the 1000 of its `waiting`: more goes in as workers make room/.test(
          (await reason()) ?? '',
        );
      },
      { what: 'the reason', everyMs: 200 },
    );
    expect(await moved()).toBeLessThan(made);
    await until(
      async () => {
        await central.query(
          `update pgq.subscription set sub_last_tick = (select max(tick_id) from pgq.tick t where t.tick_queue = sub_queue)`,
        );
        return (await moved()) === made;
      },
      { what: 'the rest', everyMs: 200 },
    );
    await mover.stop();
    await ended;
  });

  test('with one shard that floods and two movers the limit holds, the queue stays filled, and what other shards bring goes in before the flood is over', async () => {
    const [limit, part, flood] = [2_000, 1_000, 20_000];
    const given = await givenMover({
      shards: 4,
      queues: `  orders: { workers: 0, create: true, waiting: ${limit} }`,
      more: `mover: { whole: { bytes: 1MB, events: ${part} } }`,
    });
    const { central, shards } = given.cluster;
    const fill = (shard: number, events: number) =>
      shards[shard]?.query(
        `select count(pgq.insert_event('orders', 'test', n::text)) from generate_series(1, $1::int) n`,
        [events],
      );
    const first = async <T>(sql: string) =>
      (await central.query<{ value: T }>(`select ${sql} as value`))[0]?.value as T;
    const inCentral = (of: string) =>
      first<number>(`(select count(*) from pgq.event_1 where ev_extra4 ${of} like 's1:%')`);
    const waiting = () => first<number>(`(select waiting from tributary.held('{orders}'))`);
    await fill(0, flood);
    const movers = [given.start(), given.start()];
    const isFull = async () => (await waiting()) >= limit;
    await until(isFull, { what: 'the limit' });
    for (const shard of [1, 2, 3]) await fill(shard, 10);
    const known = () => first<number>('(select count(*) from tributary.source_lag where events_behind > 0)');
    await until(async () => (await known()) === shards.length, {
      what: 'reports of all that wait',
      timeoutMs: 60_000,
    });
    let most = await waiting();
    const before = await inCentral('');
    // Workers that handle what is between two ticks, whenever the queue is full.
    while ((await inCentral('not')) < 30) {
      await central.query(
        `update pgq.subscription set sub_last_tick =
           (select min(tick_id) from pgq.tick t where t.tick_queue = sub_queue and t.tick_id > sub_last_tick)`,
      );
      await until(async () => (await isFull()) || (await inCentral('not')) === 30, {
        what: 'what takes the place of those',
      });
      most = Math.max(most, await waiting());
    }
    expect((await inCentral('')) - before).toBeLessThanOrEqual(3 * limit);
    expect(most).toBeLessThanOrEqual(limit + 3 * part);
    await until(
      async () => {
        await central.query(
          `update pgq.subscription set sub_last_tick = (select max(tick_id) from pgq.tick t where t.tick_queue = sub_queue)`,
        );
        return (await inCentral('')) === flood;
      },
      { what: 'the rest of the flood' },
    );
    expect(await proofOf(given, 'orders')).toMatchObject({ lost: [], twice: [] });
    for (const { mover } of movers) await mover.stop();
    await Promise.all(movers.map(({ ended }) => ended));
  });

  test('a central queue that holds its backlog takes no more, and lag says why; the others go on', async () => {
    const given = await givenMover({
      shards: 1,
      queues:
        '  orders: { workers: none, create: true, backlog: 1MB }\n  emails: { workers: none, create: true }',
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    const insert = (queue: string) =>
      one.query(
        `select count(pgq.insert_event($1, 'test', repeat('x', 100000))) from generate_series(1, 3)`,
        [queue],
      );
    const fill = (rows: number) =>
      one.query(
        `select count(pgq.insert_event('orders', 'test', md5(n::text) || repeat(md5(n::text), 30))) from generate_series(1, $1::int) n`,
        [rows],
      );
    const { mover, ended } = given.start();
    await fill(3000);
    await until(async () => (await movedTo(given, 'orders')) === 3000, { what: 'the first events' });
    const reason = async () =>
      (
        await given.cluster.central.query<{ reason: string }>(
          `select reason from tributary.source_lag where reason is not null`,
        )
      )[0]?.reason;
    await until(
      async () => {
        await fill(1);
        return /holds \d+ MB of the 1 MB of its `backlog`: nothing is forwarded/.test((await reason()) ?? '');
      },
      { what: 'the reason', everyMs: 200 },
    );
    await insert('emails');
    await until(async () => (await movedTo(given, 'emails')) === 3, { what: 'the e-mails' });
    expect((await proofOf(given, 'orders')).lost.length).toBeGreaterThan(0);
    await given.cluster.central.query(`truncate pgq.event_1_0`);
    const [made] = await one.query<{ count: number }>('select count(*) from pgq.event_1');
    const moved = async () =>
      (
        await given.cluster.central.query<{ moved: number }>(
          `select max(moved) as moved from tributary.position join tributary.source on id = source where queue = 'orders'`,
        )
      )[0]?.moved;
    await until(async () => (await moved()) === made?.count, { what: 'the rest' });
    await mover.stop();
    await ended;
  });
});
