import { describe, expect, test } from 'vitest';
import { Backpressure } from '../../../src/mover/limits/backpressure.ts';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

describe('mover/limits/backpressure', () => {
  test('slows down from four fifths of the limit on, stops at the limit, goes on at nine tenths', () => {
    const pressure = new Backpressure('orders', { bytes: 100, waiting: undefined });
    const at = (held: number) => {
      pressure.measured({ bytes: held, waiting: 1_000_000 });
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

  test('of two limits the one that is nearer counts, and is the one that is shown', () => {
    const pressure = new Backpressure('orders', { bytes: 100 * 1_048_576, waiting: 1_000 });
    const at = (megabytes: number, waiting: number) => {
      pressure.measured({ bytes: megabytes * 1_048_576, waiting });
      return pressure.reason;
    };
    expect(at(50, 700)).toBeUndefined();
    expect(at(50, 950)).toBe(
      'In central queue orders 950 events wait, of the 1000 of its `waiting`: forwarding is slowed; add workers, see that they finish, or raise it.',
    );
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
        return /events wait, of the 1000 of its `waiting`: nothing is forwarded/.test((await reason()) ?? '');
      },
      { what: 'the reason', everyMs: 200 },
    );
    expect(await moved()).toBeLessThan(made);
    await central.query(
      `update pgq.subscription set sub_last_tick = (select max(tick_id) from pgq.tick t where t.tick_queue = sub_queue)`,
    );
    await until(async () => (await moved()) === made, { what: 'the rest' });
    await mover.stop();
    await ended;
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
