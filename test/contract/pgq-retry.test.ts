import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import {
  consume,
  consumeAll,
  dataOf,
  eventsOf,
  finish,
  givenQueue,
  insert,
  nextBatch,
  scalar,
  tick,
  warningsOf,
} from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenDatabase();
});

const retry = (batch: number | null, event: number, seconds: number) =>
  scalar<number>(db, 'select pgq.event_retry($1, $2, $3::int4)', [batch, event, seconds]);
const retryAll = (batch: number | null) => scalar<number>(db, 'select pgq.batch_retry($1, 0)', [batch]);

/** Calls the mover until nothing is due; how many came back. */
async function moveRetries(database: TestDatabase = db): Promise<number> {
  let moved = 0;
  for (;;) {
    const count = await scalar<number>(database, 'select pgq.maint_retry_events()');
    if (count === 0) return moved;
    moved += count;
  }
}

async function givenBatch(queue: string, data: readonly string[], consumers: readonly string[] = ['c']) {
  await givenQueue(db, queue, { consumers });
  for (const one of data) await insert(db, queue, one);
  await tick(db, queue);
  return nextBatch(db, queue, 'c');
}

describe('contract/pgq retry', () => {
  test('putting an event off returns 1, then 0, and needs the event to be in the batch', async () => {
    const batch = await givenBatch('once', ['a', 'b']);
    expect(await retry(batch, 1, 0)).toBe(1);
    expect(await retry(batch, 1, 0)).toBe(0);
    expect(await scalar(db, "select pgq.event_retry($1, 2, '2099-01-01'::timestamptz)", [batch])).toBe(1);
    await expect(retry(batch, 99, 0)).rejects.toThrow('event not found');
    await expect(retry(999_999, 1, 0)).rejects.toThrow(/event not found|batch not found/);
    const rows = await db.query(
      `select ev_id, ev_retry, ev_txid, ev_owner = sub_id as own, ev_retry_after <= now() as due
         from pgq.retry_queue join pgq.subscription on sub_queue = ev_queue where sub_batch = $1 order by ev_id`,
      [batch],
    );
    expect(rows).toEqual([
      { ev_id: 1, ev_retry: 1, ev_txid: null, own: true, due: true },
      { ev_id: 2, ev_retry: 1, ev_txid: null, own: true, due: false },
    ]);
    await db.query('delete from pgq.retry_queue');
  });

  test('the event comes back to its consumer alone, with its id and time, and a higher count each time', async () => {
    let batch = await givenBatch('back', ['a', 'b'], ['c', 'other']);
    const original = (await eventsOf(db, batch))[0];
    for (const round of [1, 2, 3]) {
      expect(await retry(batch, 1, 0)).toBe(1);
      await finish(db, batch);
      expect(await moveRetries()).toBe(1);
      await tick(db, 'back');
      batch = await nextBatch(db, 'back', 'c');
      const [event, ...rest] = await eventsOf(db, batch);
      expect(rest).toEqual([]);
      expect(event).toMatchObject({ ev_id: 1, ev_data: 'a', ev_retry: round, ev_time: original?.ev_time });
    }
    expect(await consumeAll(db, 'back', 'other')).toEqual(['a', 'b']);
  });

  test('a whole batch is put off but for what is put off already', async () => {
    const batch = await givenBatch('all', ['a', 'b', 'c']);
    await retry(batch, 2, 0);
    expect(await retryAll(batch)).toBe(2);
    expect(await retryAll(batch)).toBe(0);
    await expect(retryAll(999_999)).rejects.toThrow('batch_retry: batch 999999 not found');
    await finish(db, batch);
    expect(await moveRetries()).toBe(3);
    await tick(db, 'all');
    expect((await consume(db, 'all', 'c'))?.sort()).toEqual(['a', 'b', 'c']);
  });

  test('thirteen due events all come back, in portions, and those not due stay', async () => {
    const data = Array.from({ length: 14 }, (_, n) => `${n + 1}`);
    const batch = await givenBatch('portions', data);
    await retry(batch, 14, 3_600);
    await retryAll(batch);
    await finish(db, batch);
    expect(await scalar(db, 'select pgq.maint_retry_events()')).toBe(10);
    expect(await scalar(db, 'select pgq.maint_retry_events()')).toBe(3);
    expect(await scalar(db, 'select pgq.maint_retry_events()')).toBe(0);
    await tick(db, 'portions');
    expect(dataOf(await eventsOf(db, await nextBatch(db, 'portions', 'c')))).toEqual(data.slice(0, 13));
    await db.query('delete from pgq.retry_queue');
  });

  test('events that become due before others, while these are put back, are put back in the same run', async () => {
    const batch = await givenBatch(
      'late',
      Array.from({ length: 32 }, (_, n) => `${n}`),
    );
    const putOff = (after: string, from: number, to: number) =>
      db.query(
        'select pgq.event_retry($1, ev_id, $2::timestamptz) from pgq.get_batch_events($1) where ev_data::int between $3 and $4',
        [batch, after, from, to],
      );
    await putOff('2020-01-02Z', 0, 24);
    expect(await scalar(db, 'select pgq.maint_retry_events()')).toBe(10);
    await putOff('2020-01-01Z', 25, 29);
    await putOff('-infinity', 30, 30);
    await putOff('infinity', 31, 31);
    expect(await moveRetries()).toBe(21);
    await putOff('2020-01-01Z', 24, 24);
    await finish(db, batch);
    expect(await moveRetries()).toBe(1);
    expect(await db.query('select ev_retry_after from pgq.retry_queue')).toEqual([
      { ev_retry_after: Infinity },
    ]);
    await db.query('delete from pgq.retry_queue');
  });

  test('events put off for a consumer that was unregistered do not come to a later consumer of the same name', async () => {
    const batch = await givenBatch('left', ['a', 'b']);
    await retryAll(batch);
    await finish(db, batch);
    await moveRetries();
    await db.query("select pgq.unregister_consumer('left', 'c')");
    await db.query("select pgq.register_consumer('left', 'c')");
    await tick(db, 'left');
    expect(await consumeAll(db, 'left', 'c')).toEqual([]);
  });

  test('event_retry_raw needs no batch, but a consumer', async () => {
    await givenQueue(db, 'raw', { consumers: ['c'] });
    const raw = (consumer: string, id: number | null) =>
      scalar<number>(
        db,
        `select pgq.event_retry_raw('raw', $1, now(), $2, '2001-02-03 00:00Z', 7, 'T', 'D', 'e1', 'e2', 'e3', 'e4')`,
        [consumer, id],
      );
    expect(await raw('c', 55)).toBe(55);
    expect(await raw('c', null)).toBeLessThan(55);
    await expect(raw('stranger', 1)).rejects.toThrow('consumer not registered');
    await expect(raw('c', 55)).rejects.toThrow('rq_pkey');
    expect(await moveRetries()).toBe(2);
    await tick(db, 'raw');
    const events = await eventsOf(db, await nextBatch(db, 'raw', 'c'));
    expect(events.at(-1)).toMatchObject({
      ev_id: 55,
      ev_retry: 7,
      ev_type: 'T',
      ev_data: 'D',
      ev_extra4: 'e4',
    });
    expect(events.at(-1)?.ev_time).toEqual(new Date('2001-02-03T00:00Z'));
  });

  test('two events of the same id are both put off', async () => {
    for (const [queue, putOff] of [
      ['same', (batch: number | null) => retry(batch, 5, 0)],
      ['same_batch', retryAll],
    ] as const) {
      await givenQueue(db, queue, { consumers: ['c'] });
      for (const data of ['a', 'b']) {
        await db.query(
          'select pgq.insert_event_raw($1, 5, null, null, null, $2, $3, null, null, null, null)',
          [queue, 't', data],
        );
      }
      await tick(db, queue);
      const batch = await nextBatch(db, queue, 'c');
      if (provider() === 'extension') {
        // D: it says 0 and stores nothing, or fails.
        expect(await putOff(batch).catch(() => 0)).toBe(0);
        continue;
      }
      expect(await putOff(batch)).toBe(queue === 'same' ? 1 : 2);
      expect(await retry(batch, 5, 0)).toBe(0);
      expect(await retryAll(batch)).toBe(0);
      await finish(db, batch);
      expect(await moveRetries()).toBe(2);
      await tick(db, queue);
      const again = await eventsOf(db, await nextBatch(db, queue, 'c'));
      expect(dataOf(again).sort()).toEqual(['a', 'b']);
      expect(again.map((event) => event.ev_id)).toContain(5);
    }
  });

  test('a queue that takes no inserts delays its own retries and those of no other queue', async () => {
    const own = await givenDatabase();
    for (const queue of ['closed', 'held', 'limited', 'locked', 'open']) {
      await givenQueue(own, queue, { consumers: ['c'] });
      // More than are moved at once.
      for (let n = 0; n < 12; n += 1) await insert(own, queue, queue);
      await tick(own, queue);
      const batch = await nextBatch(own, queue, 'c');
      await own.query('select pgq.batch_retry($1, $2)', [batch, queue === 'open' ? 0 : -60]);
      await finish(own, batch);
    }
    await own.query("update pgq.queue set queue_disable_insert = true where queue_name = 'closed'");
    // D: on the extension the closed queue stops the retries of all.
    if (provider() === 'extension') {
      await expect(own.query('select pgq.maint_retry_events()')).rejects.toThrow(
        'Insert into queue disallowed',
      );
      return;
    }
    await own.query("update pgq.queue set queue_per_tx_limit = 0 where queue_name = 'limited'");
    const holder = await own.connect();
    await holder.script(`begin; select pgq.unregister_consumer('held', 'c');
      lock table pgq.event_${await scalar(own, "select queue_id from pgq.queue where queue_name = 'locked'")}_0 in exclusive mode`);
    const session = await own.connect();
    const warnings = await warningsOf(session, async () =>
      expect(await scalar(session, 'select pgq.maint_retry_events()')).toBe(10),
    );
    expect(warnings.join()).toContain('of queue limited was not put back');
    expect(warnings.join()).toContain('events of queue locked were not put back');
    expect(await moveRetries(own)).toBe(2);
    await holder.query('rollback');
    await own.query('update pgq.queue set queue_disable_insert = false, queue_per_tx_limit = null');
    expect(await moveRetries(own)).toBe(48);
  });
});
