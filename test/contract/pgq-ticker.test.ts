import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { until } from '../support/until.ts';
import { consumeAll, givenQueue, insert, isWaiting, scalar, tick, warningsOf } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenDatabase();
});

const configure = (queue: string, settings: string) =>
  db.query(`update pgq.queue set ${settings} where queue_name = $1`, [queue]);

/** Makes the queue's ticks look older than they are. */
const age = (queue: string, interval: string) =>
  db.query(
    `update pgq.tick set tick_time = tick_time - $2::interval
      where tick_queue = (select queue_id from pgq.queue where queue_name = $1)`,
    [queue, interval],
  );

describe('contract/pgq ticker', () => {
  test('with few new events no tick is made until they are old enough', async () => {
    await db.query("select pgq.create_queue('lag')");
    await insert(db, 'lag', 'a');
    await insert(db, 'lag', 'b');
    expect(await tick(db, 'lag')).toBe(null);
    await age('lag', '4 seconds');
    expect(await tick(db, 'lag')).toBe(2);
    expect(await tick(db, 'lag')).toBe(null);
  });

  test('enough new events make a tick at once', async () => {
    await db.query("select pgq.create_queue('count')");
    await configure('count', 'queue_ticker_max_count = 3');
    await db.query("select pgq.insert_event('count', 't', n::text) from generate_series(1, 3) n");
    // The extension reads a fresh sequence as 1 whether or not event 1 is there.
    if (provider() === 'extension') expect(await tick(db, 'count')).toBe(null);
    if (provider() === 'extension') await insert(db, 'count', '4');
    expect(await tick(db, 'count')).toBe(2);
  });

  test('the first event of a queue is seen by the ticker', async () => {
    await db.query("select pgq.create_queue('first')");
    await configure('first', 'queue_ticker_max_count = 1');
    await tick(db, 'first'); // with one tick alone the idle rule always ticks
    await insert(db, 'first', 'a');
    // D: on the extension it waits for the idle rule, up to a minute.
    const made = await tick(db, 'first');
    if (provider() === 'engine') expect(made).toBe(3);
    else expect(made).toBe(null);
  });

  test('an idle queue is ticked at gaps that double up to the idle period', async () => {
    await db.query("select pgq.create_queue('idle')");
    await configure('idle', "queue_ticker_max_lag = '10 seconds', queue_ticker_idle_period = '1 minute'");
    expect(await tick(db, 'idle')).toBe(2);
    const set = (last: string, gap: string) =>
      db.query(
        `update pgq.tick set tick_time = now() - $1::interval - case when tick_id < $3 then $2::interval else '0' end
          where tick_queue = (select queue_id from pgq.queue where queue_name = 'idle')`,
        [last, gap, 2],
      );
    for (const [last, gap, due] of [
      ['4 seconds', '1 second', false], // half of max_lag has not passed
      ['6 seconds', '1 second', true], // twice the gap has
      ['19 seconds', '10 seconds', false],
      ['21 seconds', '10 seconds', true],
      ['59 seconds', '50 seconds', false],
      ['61 seconds', '50 seconds', true], // the idle period has
    ] as const) {
      await set(last, gap);
      const connection = await db.connect();
      await connection.query('begin');
      expect([last, gap, (await tick(connection, 'idle')) !== null]).toEqual([last, gap, due]);
      await connection.query('rollback');
      await connection.close();
    }
  });

  test('an idle call of ticker assigns no transaction id', async () => {
    if (provider() === 'extension') return; // it assigns one every time; Tributary calls it only when due
    const own = await givenDatabase();
    await own.query("select pgq.create_queue('q')");
    await own.query('select pgq.ticker()');
    const connection = await own.connect();
    await connection.query('begin');
    expect(await scalar(connection, 'select pgq.ticker()')).toBe(0);
    await connection.query("select pgq.ticker('q')");
    await connection.query(
      "select pgq.maint_retry_events(), pgq.maint_rotate_tables_step1('q'), pgq.maint_rotate_tables_step2()",
    );
    expect(await scalar(connection, 'select txid_current_if_assigned()')).toBe(null);
    await connection.query('rollback');
  });

  test('paused, external and unknown queues are refused by name, and passed over otherwise', async () => {
    const own = await givenDatabase();
    for (const queue of ['paused', 'external', 'one', 'two']) await givenQueue(own, queue);
    await own.query("update pgq.queue set queue_ticker_paused = true where queue_name = 'paused'");
    await own.query("update pgq.queue set queue_external_ticker = true where queue_name = 'external'");
    await expect(tick(own, 'paused')).rejects.toThrow('Ticker has been paused for this queue');
    await expect(tick(own, 'external')).rejects.toThrow('This queue has external tick source.');
    await expect(tick(own, 'nowhere')).rejects.toThrow('no such queue');
    expect(await scalar(own, 'select pgq.ticker()')).toBe(2);
  });

  test('an external ticker gives ids and raises the sequences', async () => {
    await givenQueue(db, 'outside', { consumers: ['c'] });
    const external = (id: number) =>
      scalar<number>(db, `select pgq.ticker('outside', $1, '2020-01-01 00:00Z', 700)`, [id]);
    await expect(external(50)).rejects.toThrow('queue not found or ticker disabled: outside');
    await configure('outside', 'queue_external_ticker = true');
    expect(await external(50)).toBe(50);
    const [row] = await db.query(
      `select tick_time, tick_event_seq, pgq.seq_getval(queue_event_seq) as events, pgq.seq_getval(queue_tick_seq) as ticks
         from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'outside' and tick_id = 50`,
    );
    expect(row).toEqual({
      tick_time: new Date('2020-01-01T00:00Z'),
      tick_event_seq: 700,
      events: 700,
      ticks: 50,
    });
    await expect(external(50)).rejects.toThrow('tick_pkey');
    // D: a lower id with a newer snapshot would hand out events twice; ours refuses it.
    if (provider() === 'engine')
      await expect(external(40)).rejects.toThrow('ticks must come in order of their ids');
    else expect(await external(40)).toBe(40);
    await configure('outside', 'queue_ticker_paused = true');
    await expect(external(60)).rejects.toThrow('queue not found or ticker disabled: outside');
  });

  test('force_tick names the last tick and makes the next call tick', async () => {
    await db.query("select pgq.create_queue('forced')");
    await tick(db, 'forced');
    await db.query("select pgq.insert_event('forced', 'a', 'b')");
    const before = await scalar<number>(
      db,
      "select pgq.seq_getval(queue_event_seq) from pgq.queue where queue_name = 'forced'",
    );
    expect(await scalar(db, "select pgq.force_tick('forced')")).toBe(2);
    expect(
      await scalar(db, "select pgq.seq_getval(queue_event_seq) from pgq.queue where queue_name = 'forced'"),
    ).toBe(before + 2 * 500 + 1001);
    expect(await tick(db, 'forced')).toBe(3);

    expect(await scalar(db, "select pgq.force_tick('nowhere')")).toBe(null);
    await configure('forced', 'queue_ticker_paused = true');
    expect(await scalar(db, "select pgq.force_tick('forced')")).toBe(3);
  });

  test('sixteen tickers at once write ticks whose snapshots only grow', async () => {
    if (provider() === 'extension') return; // H4: it does not hold there; Tributary ticks under a lock of its own
    await givenQueue(db, 'crowd', { consumers: ['c'] });
    const sessions = await Promise.all(Array.from({ length: 16 }, () => db.connect()));
    await Promise.all(
      sessions.map(async (session, n) => {
        for (let i = 0; i < 25; i += 1) {
          await insert(session, 'crowd', `${n}.${i}`);
          await tick(session, 'crowd');
        }
      }),
    );
    const backwards = await scalar(
      db,
      `select count(*) from (
          select tick_snapshot as newer, lag(tick_snapshot) over (order by tick_id) as older
            from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'crowd') t
        where txid_snapshot_xmin(newer) < txid_snapshot_xmin(older) or txid_snapshot_xmax(newer) < txid_snapshot_xmax(older)`,
    );
    expect(backwards).toBe(0);
    await tick(db, 'crowd');
    const got = await consumeAll(db, 'crowd', 'c');
    expect(got.length).toBe(16 * 25);
    expect(new Set(got).size).toBe(16 * 25);
    await Promise.all(sessions.map((session) => session.close()));
  });

  test('a tick that another session has not committed keeps others from ticking, without a wait', async () => {
    if (provider() === 'extension') return; // it makes a second tick, H4
    await givenQueue(db, 'held');
    const [holder, other] = [await db.connect(), await db.connect()];
    await holder.query('begin');
    await insert(holder, 'held', 'a');
    expect(await tick(holder, 'held')).toBe(2);
    expect(await tick(other, 'held')).toBe(null);
    await holder.query('commit');
    expect(await tick(other, 'held')).toBe(3);
  });

  test('a tick is refused in a transaction whose snapshot may be old', async () => {
    if (provider() === 'extension') return; // H4 again
    await givenQueue(db, 'isolated');
    const session = await db.connect();
    for (const level of ['repeatable read', 'serializable']) {
      await session.query(`begin isolation level ${level}`);
      await expect(tick(session, 'isolated')).rejects.toThrow('READ COMMITTED');
      await session.query('rollback');
    }
  });

  test('an impossible state of one queue stops that queue only', async () => {
    const own = await givenDatabase();
    await givenQueue(own, 'good');
    await givenQueue(own, 'restored');
    await own.query(
      `update pgq.tick set tick_snapshot = '900000000:900000000:' where tick_queue = (select queue_id from pgq.queue where queue_name = 'restored')`,
    );
    const refused = await tick(own, 'restored').catch((error: unknown) => error as { hint?: string });
    expect(refused).toMatchObject({
      message: expect.stringMatching(/Invalid PgQ state: old xmin=900000000, old xmax=900000000/),
    });
    if (provider() === 'engine')
      expect(refused).toMatchObject({
        hint: expect.stringMatching(/events that are written now .*: stop the producers, .*pg_resetwal/i),
      });
    const session = await own.connect();
    // D: on the extension no queue is ticked any more.
    if (provider() === 'extension') {
      await expect(session.query('select pgq.ticker()')).rejects.toThrow('Invalid PgQ state');
      return;
    }
    const warnings = await warningsOf(session, async () =>
      expect(await scalar(session, 'select pgq.ticker()')).toBe(1),
    );
    expect(warnings.join()).toContain('queue restored was not ticked: Invalid PgQ state');
  });

  test('an open rotation or drop of one queue lets the others tick', async () => {
    const own = await givenDatabase();
    await givenQueue(own, 'free');
    await givenQueue(own, 'locked');
    const [locker, ticker] = [await own.connect(), await own.connect()];
    await locker.query('begin');
    await locker.query("select 1 from pgq.queue where queue_name = 'locked' for update");

    // ticker(queue) waits for the row on both.
    const waiting = tick(ticker, 'locked');
    await until(() => isWaiting(own, ticker), { what: 'ticker(queue) to wait' });
    if (provider() === 'engine') {
      // D: the extension's ticker() would wait as well.
      expect(await scalar(own, 'select pgq.ticker()')).toBe(1);
    }
    expect(await insert(own, 'locked', 'inserts do not wait')).toBe(1);
    await locker.query('commit');
    expect(await waiting).toBe(2);
  });
});
