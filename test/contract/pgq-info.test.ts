import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { givenQueue, insert, nextBatch, scalar, tick } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenDatabase();
});

describe('contract/pgq info', () => {
  test('get_queue_info shows settings, the newest tick and how much came since', async () => {
    await givenQueue(db, 'b');
    await givenQueue(db, 'a');
    await insert(db, 'a', '1');
    await tick(db, 'a');
    await insert(db, 'a', '2');
    await insert(db, 'a', '3');

    const all = await db.query('select * from pgq.get_queue_info()');
    expect(all.map((row) => row.queue_name)).toEqual(['a', 'b']);
    const [one] = await db.query("select * from pgq.get_queue_info('a')");
    expect(Object.keys(one ?? {})).toEqual([
      'queue_name',
      'queue_ntables',
      'queue_cur_table',
      'queue_rotation_period',
      'queue_switch_time',
      'queue_external_ticker',
      'queue_ticker_paused',
      'queue_ticker_max_count',
      'queue_ticker_max_lag',
      'queue_ticker_idle_period',
      'ticker_lag',
      'ev_per_sec',
      'ev_new',
      'last_tick_id',
    ]);
    expect(one).toMatchObject({ queue_ntables: 3, queue_cur_table: 0, ev_new: 2, last_tick_id: 2 });
    expect(one?.ticker_lag).not.toBe(null);
    expect(await db.query("select * from pgq.get_queue_info('nowhere')")).toEqual([]);
  });

  test('the rate is that between the newest tick and the one twenty before it', async () => {
    await givenQueue(db, 'rate');
    expect(await scalar(db, "select ev_per_sec from pgq.get_queue_info('rate')")).toBe(null);
    await db.query(
      `insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
       select queue_id, n, now() - interval '100 seconds' + n * interval '1 second', 1000 * n
         from pgq.queue, generate_series(2, 40) n where queue_name = 'rate'`,
    );
    expect(await scalar(db, "select ev_per_sec from pgq.get_queue_info('rate')")).toBe(1000);
  });

  test('get_consumer_info shows the position, the open batch and what is pending up to the newest tick', async () => {
    await givenQueue(db, 'q1', { consumers: ['c2', 'c1'] });
    await givenQueue(db, 'q2', { consumers: ['c1'] });
    await insert(db, 'q1', '0');
    await tick(db, 'q1');
    await db.query("select pgq.register_consumer_at('q1', 'c1', 2)");
    for (const data of ['1', '2']) await insert(db, 'q1', data);
    await tick(db, 'q1');
    await insert(db, 'q1', 'after the tick');
    const batch = await nextBatch(db, 'q1', 'c1');

    const names = async (text: string) =>
      (await db.query(text)).map((row) => `${row.queue_name} ${row.consumer_name}`);
    expect(await names("select * from pgq.get_consumer_info() where queue_name in ('q1', 'q2')")).toEqual([
      'q1 c1',
      'q1 c2',
      'q2 c1',
    ]);
    expect(await names("select * from pgq.get_consumer_info('q1')")).toEqual(['q1 c1', 'q1 c2']);
    expect(await names("select * from pgq.get_consumer_info(null, 'c1')")).toEqual(['q1 c1', 'q2 c1']);
    expect(await names("select * from pgq.get_consumer_info('q1', 'stranger')")).toEqual([]);

    const [one] = await db.query("select * from pgq.get_consumer_info('q1', 'c1')");
    expect(Object.keys(one ?? {})).toEqual([
      'queue_name',
      'consumer_name',
      'lag',
      'last_seen',
      'last_tick',
      'current_batch',
      'next_tick',
      'pending_events',
    ]);
    expect(one).toMatchObject({ last_tick: 2, current_batch: batch, next_tick: 3, pending_events: 2 });
    expect(one?.lag).not.toBe(null);
    expect(one?.last_seen).not.toBe(null);
  });
});
