import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { until } from '../support/until.ts';
import { finish, givenQueue, insert, isWaiting, nextBatch, scalar, tick, warningsOf } from './pgq.ts';

let db: TestDatabase;
let session: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  session = await db.connect();
});

const info = async (queue: string, consumer: string) =>
  (await db.query('select * from pgq.next_batch_info($1, $2)', [queue, consumer]))[0];

describe('contract/pgq batches', () => {
  test('a batch is asked for, asked for again, finished, and there is no next one', async () => {
    await givenQueue(db, 'life', { consumers: ['c'] });
    expect(await nextBatch(db, 'life', 'c')).toBe(null);
    await insert(db, 'life', 'a');
    await tick(db, 'life');
    const batch = await nextBatch(db, 'life', 'c');
    expect(batch).toBeGreaterThan(0);
    expect(await nextBatch(db, 'life', 'c')).toBe(batch);
    expect(await finish(db, batch)).toBe(1);
    expect(await nextBatch(db, 'life', 'c')).toBe(null);
    await expect(nextBatch(db, 'life', 'stranger')).rejects.toThrow('Not subscriber to queue: life/stranger');
    await expect(nextBatch(db, 'nowhere', 'c')).rejects.toThrow('Not subscriber to queue: nowhere/c');
  });

  test('finishing a batch twice, or one that does not exist, returns 0 and warns', async () => {
    await givenQueue(db, 'twice', { consumers: ['c'] });
    await tick(db, 'twice');
    const batch = await nextBatch(db, 'twice', 'c');
    expect(await finish(db, batch)).toBe(1);
    for (const unknown of [batch, 999_999, null]) {
      const warnings = await warningsOf(session, async () => expect(await finish(session, unknown)).toBe(0));
      expect(warnings).toEqual([`finish_batch: batch ${unknown ?? '<NULL>'} not found`]);
    }
  });

  test('get_batch_info shows the ticks of a batch, and is all null where there is none', async () => {
    await givenQueue(db, 'info', { consumers: ['c'] });
    expect(Object.values((await info('info', 'c')) ?? {})).toEqual(Array(7).fill(null));
    await insert(db, 'info', 'a');
    await insert(db, 'info', 'b');
    await tick(db, 'info');
    const batch = await info('info', 'c');
    const ticks = await db.query<{ tick_time: Date; tick_event_seq: number }>(
      "select tick_time, tick_event_seq from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'info' order by tick_id",
    );
    expect(batch).toEqual({
      batch_id: batch?.batch_id,
      cur_tick_id: 2,
      prev_tick_id: 1,
      cur_tick_time: ticks[1]?.tick_time,
      prev_tick_time: ticks[0]?.tick_time,
      cur_tick_event_seq: 2,
      prev_tick_event_seq: ticks[0]?.tick_event_seq,
    });
    expect(await info('info', 'c')).toEqual(batch);

    const [more] = await db.query('select * from pgq.get_batch_info($1)', [batch?.batch_id]);
    expect(more).toMatchObject({
      queue_name: 'info',
      consumer_name: 'c',
      batch_start: ticks[0]?.tick_time,
      batch_end: ticks[1]?.tick_time,
      prev_tick_id: 1,
      tick_id: 2,
      seq_end: 2,
    });
    expect(more?.lag).not.toBe(null);
    const [unknown] = await db.query('select * from pgq.get_batch_info(999999)');
    expect(Object.values(unknown ?? {})).toEqual(Array(9).fill(null));
  });

  test('a rolled back next_batch opens nothing; the next call has a new id and the same ticks', async () => {
    await givenQueue(db, 'undone', { consumers: ['c'] });
    await insert(db, 'undone', 'a');
    await tick(db, 'undone');
    await session.query('begin');
    const undone = await nextBatch(session, 'undone', 'c');
    await session.query('rollback');
    const batch = await info('undone', 'c');
    expect(batch?.batch_id).not.toBe(undone);
    expect([batch?.prev_tick_id, batch?.cur_tick_id]).toEqual([1, 2]);
  });

  test('two sessions that ask at once get the same batch', async () => {
    await givenQueue(db, 'both', { consumers: ['c'] });
    await insert(db, 'both', 'a');
    await tick(db, 'both');
    const other = await db.connect();
    await session.query('begin');
    const first = await nextBatch(session, 'both', 'c');
    const second = nextBatch(other, 'both', 'c');
    await until(() => isWaiting(db, other), { what: 'the second session to wait' });
    await session.query('commit');
    // D: on the extension the second takes the batch over, and the first's id is unknown from then on.
    if (provider() === 'engine') expect(await second).toBe(first);
    else expect(await second).not.toBe(first);
  });

  test('next_batch of a consumer whose tick is gone fails with a message that says so', async () => {
    await givenQueue(db, 'corrupt', { consumers: ['c'] });
    await tick(db, 'corrupt');
    await db.query(
      "delete from pgq.tick where tick_id = 1 and tick_queue = (select queue_id from pgq.queue where queue_name = 'corrupt')",
    );
    await expect(nextBatch(db, 'corrupt', 'c')).rejects.toThrow('PgQ corruption');
  });

  test('an idle next_batch assigns no transaction id', async () => {
    await givenQueue(db, 'quiet', { consumers: ['c'] });
    await session.query('begin');
    await nextBatch(session, 'quiet', 'c');
    expect(await scalar(session, 'select txid_current_if_assigned()')).toBe(null);
    await session.query('rollback');
  });
});
