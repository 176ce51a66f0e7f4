import { describe, expect, test } from 'vitest';
import { Backpressure } from '../../src/mover/backpressure.ts';
import { givenMover, proofOf } from '../support/mover.ts';
import { until } from '../support/until.ts';

describe('mover/backpressure', () => {
  test('slows from four fifths on, stops at the whole, goes on at nine tenths', () => {
    const pressure = new Backpressure('orders', 100);
    const at = (held: number) => {
      pressure.measured(held);
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
    await until(async () => (await proofOf(given, 'orders')).moved === 3000, { what: 'the first events' });
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
    await until(async () => (await proofOf(given, 'emails')).moved === 3, { what: 'the e-mails' });
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
