import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, type TestDatabase } from '../support/database.ts';
import { provider } from '../support/provider.ts';
import { until } from '../support/until.ts';
import {
  consume,
  dataOf,
  eventsOf,
  finish,
  givenQueue,
  insert,
  isWaiting,
  nextBatch,
  scalar,
  tick,
  warningsOf,
} from './pgq.ts';

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

  test('finishing twice, nothing, or what never was says 0 and warns', async () => {
    await givenQueue(db, 'twice', { consumers: ['c'] });
    await tick(db, 'twice');
    const batch = await nextBatch(db, 'twice', 'c');
    expect(await finish(db, batch)).toBe(1);
    for (const unknown of [batch, 999_999, null]) {
      const warnings = await warningsOf(session, async () => expect(await finish(session, unknown)).toBe(0));
      expect(warnings).toEqual([`finish_batch: batch ${unknown ?? '<NULL>'} not found`]);
    }
  });

  test('the batch tells its ticks, and is all null where there is none', async () => {
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

  test('a consumer whose tick is gone is told so', async () => {
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

  test('a wanted age is asked of the chosen end alone', async () => {
    await givenHistory('aged');
    expect(await custom('aged', '75 minutes', 30, null)).toBe(null); // tick 6 is chosen, 70 minutes old
    expect(await custom('aged', '65 minutes', 30, null)).toBe(6);
    await db.query("select pgq.register_consumer_at('aged', 'c', 2)");
    expect(await custom('aged', '119 minutes', null, null)).toBe(3);
  });

  test('wishes are ignored while a batch is open', async () => {
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

describe('contract/pgq batch contents', () => {
  test('the same rows come, in the order of ids, however often and from wherever they are asked', async () => {
    await givenQueue(db, 'rows', { consumers: ['c'] });
    for (const data of ['a', 'b', 'c']) await insert(db, 'rows', data);
    await tick(db, 'rows');
    await insert(db, 'rows', 'later');
    const batch = await nextBatch(db, 'rows', 'c');
    const once = await eventsOf(db, batch);
    expect(dataOf(once)).toEqual(['a', 'b', 'c']);
    expect(await eventsOf(session, batch)).toEqual(once);
    await finish(db, batch);
    for (const unknown of [batch, null]) {
      await expect(eventsOf(db, unknown)).rejects.toThrow('batch not found');
    }
  });

  test('events of the ticking transaction come once, in a batch that ends after it', async () => {
    await givenQueue(db, 'own', { consumers: ['c'] });
    await session.query('begin');
    await insert(session, 'own', 'a');
    await tick(session, 'own');
    const batch = await nextBatch(session, 'own', 'c');
    const own = dataOf(await eventsOf(session, batch));
    await finish(session, batch);
    await session.query('commit');
    await tick(db, 'own');
    expect([...own, ...((await consume(db, 'own', 'c')) ?? [])]).toEqual(['a']);
  });

  test('who commits after a tick comes in the next batch, with lower ids', async () => {
    await givenQueue(db, 'late', { consumers: ['c'] });
    await session.query('begin');
    await insert(session, 'late', 'one');
    await insert(db, 'late', 'two');
    await tick(db, 'late');
    await session.query('commit');
    await tick(db, 'late');
    expect(await consume(db, 'late', 'c')).toEqual(['two']);
    expect(await consume(db, 'late', 'c')).toEqual(['one']);
  });

  test('what a savepoint took back is not there, what it kept is', async () => {
    await givenQueue(db, 'save', { consumers: ['c'] });
    await session.query('begin');
    await insert(session, 'save', 'a');
    await session.query('savepoint s');
    await insert(session, 'save', 'b');
    await session.query('rollback to s');
    await session.query('savepoint t');
    await insert(session, 'save', 'c');
    await session.query('release t');
    await session.query('commit');
    await tick(db, 'save');
    expect(await consume(db, 'save', 'c')).toEqual(['a', 'c']);
  });

  test('transactions much older than the start of the batch come, and only they', async () => {
    await givenQueue(db, 'old', { consumers: ['c'] });
    const old = await Promise.all([1, 2, 3].map(() => db.connect()));
    for (const [n, producer] of old.entries()) {
      await producer.query('begin');
      await insert(producer, 'old', `old ${n}`);
    }
    for (let i = 0; i < 130; i += 1) await insert(db, 'old', 'new');
    await tick(db, 'old');
    for (const producer of old) await producer.query('commit');
    await tick(db, 'old');
    expect((await consume(db, 'old', 'c'))?.length).toBe(130);
    expect(await consume(db, 'old', 'c')).toEqual(['old 0', 'old 1', 'old 2']);
  });

  test('batch_event_sql is a query for the rows, batch_event_tables names where they lie', async () => {
    await givenQueue(db, 'sql', { consumers: ['c'] });
    await insert(db, 'sql', 'a');
    await tick(db, 'sql');
    const batch = await nextBatch(db, 'sql', 'c');
    const sql = await scalar<string>(db, 'select pgq.batch_event_sql($1)', [batch]);
    expect((await db.query(sql)).map((row) => row.ev_data)).toEqual(['a']);
    const tables = await db.query<{ name: string }>('select t as name from pgq.batch_event_tables($1) t', [
      batch,
    ]);
    expect(tables.map((row) => row.name)).toContain(
      await scalar(db, "select pgq.current_event_table('sql')"),
    );
  });
});

describe('contract/pgq batch cursor', () => {
  const fetchAll = async (connection: Connection, name: string) =>
    (await connection.query<{ ev_data: string }>(`fetch all from ${name}`)).map((row) => row.ev_data);
  const open = async (
    batch: number | null,
    name: string | null,
    limit: number | null,
    where?: string | null,
  ) =>
    (
      await session.query<{ ev_data: string }>(
        where === undefined
          ? 'select * from pgq.get_batch_cursor($1, $2, $3)'
          : 'select * from pgq.get_batch_cursor($1, $2, $3, $4)',
        where === undefined ? [batch, name, limit] : [batch, name, limit, where],
      )
    ).map((row) => row.ev_data);

  async function givenBatch(queue: string): Promise<number | null> {
    await givenQueue(db, queue, { consumers: ['c'] });
    for (const data of ['a', 'b', 'c', 'd']) await insert(db, queue, data);
    await tick(db, queue);
    return nextBatch(db, queue, 'c');
  }

  test('the first rows come at once and the rest by fetch', async () => {
    const batch = await givenBatch('cursor');
    for (const [limit, first, rest] of [
      [0, [], ['a', 'b', 'c', 'd']],
      [-1, [], ['a', 'b', 'c', 'd']],
      [2, ['a', 'b'], ['c', 'd']],
      [10, ['a', 'b', 'c', 'd'], []],
    ] as const) {
      await session.query('begin');
      expect(await open(batch, 'Walker "1"', limit)).toEqual(first);
      expect(await fetchAll(session, '"Walker ""1"""')).toEqual(rest);
      await session.query('commit');
    }
  });

  test('a condition of the caller is one more condition', async () => {
    const batch = await givenBatch('where');
    await session.query('begin');
    expect(await open(batch, 'w1', 10, "ev_data in ('b', 'd')")).toEqual(['b', 'd']);
    expect(await open(batch, 'w2', 10, "ev_data > 'b'")).toEqual(['c', 'd']);
    expect(await open(batch, 'w3', 10, null)).toEqual(['a', 'b', 'c', 'd']);
    await session.query('commit');
  });

  test('a condition cannot be more than a condition', async () => {
    if (provider() === 'extension') return; // D: there it is pasted in as it is
    const batch = await givenBatch('inject');
    await session.query('begin');
    expect(await open(batch, 'i1', 10, "ev_data > 'b' -- ")).toEqual(['c', 'd']);
    await session.query('commit');
    await session.query('create table victim ()');
    for (const where of [
      'true); drop table victim; --',
      'true) order by 1 desc limit 1 --',
      'true) union select 1 where (true',
    ]) {
      await expect(open(batch, 'i2', 10, where)).rejects.toThrow();
    }
    expect(await scalar(db, "select to_regclass('victim') is not null")).toBe(true);
  });

  test('without batch, name or limit there is no cursor; a name is taken once', async () => {
    const batch = await givenBatch('nulls');
    await session.query('begin');
    expect(await open(null, 'n', 1)).toEqual([]);
    expect(await open(batch, null, 1)).toEqual([]);
    expect(await open(batch, 'n', null, null)).toEqual([]);
    expect(await scalar(session, 'select count(*) from pg_cursors')).toBe(0);
    await open(batch, 'n', 1);
    await expect(open(batch, 'n', 1)).rejects.toThrow('cursor "n" already exists');
    await session.query('rollback');
    await expect(open(999_999, 'n', 1)).rejects.toThrow('batch not found');
  });

  test('outside of a transaction the cursor goes with its statement', async () => {
    const batch = await givenBatch('auto');
    expect(await open(batch, 'gone', 2)).toEqual(['a', 'b']);
    await expect(session.query('fetch all from gone')).rejects.toThrow('cursor "gone" does not exist');
  });

  test('an open cursor outlives the end of its batch', async () => {
    const batch = await givenBatch('outlives');
    await session.query('begin');
    await open(batch, 'o', 1);
    expect(await finish(session, batch)).toBe(1);
    expect(await fetchAll(session, 'o')).toEqual(['b', 'c', 'd']);
    await session.query('commit');
  });
});
