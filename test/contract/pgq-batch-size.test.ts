import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { givenQueue } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenDatabase();
});

describe('contract/pgq batches of a wanted size', () => {
  /** Ticks 2..5, each 10 events and 10 minutes after the one before, and tick 6 thirty of both after; all in the past. */
  async function givenHistory(queue: string): Promise<void> {
    await givenQueue(db, queue, { consumers: ['c'] });
    await db.query(
      `insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
       select queue_id, n, now() - interval '130 minutes' + m * interval '1 minute', 1000 + m
         from pgq.queue, (values (2, 0), (3, 10), (4, 20), (5, 30), (6, 60)) t (n, m) where queue_name = $1`,
      [queue],
    );
    await db.query('select pgq.register_consumer_at($1, $2, 2)', [queue, 'c']);
  }

  const custom = async (queue: string, lag: string | null, count: number | null, interval: string | null) => {
    const [row] = await db.query('select * from pgq.next_batch_custom($1, $2, $3, $4, $5)', [
      queue,
      'c',
      lag,
      count,
      interval,
    ]);
    return row?.cur_tick_id;
  };

  test.each([
    [null, null, 3],
    [25, null, 5],
    [29, null, 5],
    [30, null, 6],
    [31, null, 6],
    [60, null, 6],
    [61, null, null],
    [0, null, 3],
    [null, '20 minutes', 4],
    [null, '30 minutes', 6],
    [null, '31 minutes', 6],
    [null, '61 minutes', null],
    [1_000, '20 minutes', 4],
    [1_000, '30 minutes', 6],
  ])('of a wanted count %j and duration %j the end is tick %j', async (count, interval, expected) => {
    // Thirty is half of what there is: twice the aim is reached then, not passed.
    const queue = `history ${count} ${interval}`;
    await givenHistory(queue);
    expect(await custom(queue, null, count, interval)).toBe(expected);
  });

  test('a wanted age is compared with the chosen end alone', async () => {
    await givenHistory('aged');
    expect(await custom('aged', '75 minutes', 30, null)).toBe(null); // tick 6 is chosen, 70 minutes old
    expect(await custom('aged', '65 minutes', 30, null)).toBe(6);
    await db.query("select pgq.register_consumer_at('aged', 'c', 2)");
    expect(await custom('aged', '119 minutes', null, null)).toBe(3);
  });

  test('a wanted size is ignored while a batch is open', async () => {
    await givenHistory('open');
    expect(await custom('open', null, null, null)).toBe(3);
    expect(await custom('open', '10 days', 100_000, '10 days')).toBe(3);
  });

  test('find_tick_helper answers without a consumer', async () => {
    await givenHistory('helper');
    const [row] = await db.query(
      `select h.* from pgq.queue, pgq.tick, pgq.find_tick_helper(queue_id, tick_id, tick_time, tick_event_seq, 25, null) h
        where queue_name = 'helper' and tick_queue = queue_id and tick_id = 2`,
    );
    expect(row).toMatchObject({ next_tick_id: 5, next_tick_seq: 1030 });
  });
});
