import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { consume, dataOf, eventsOf, finish, givenQueue, insert, nextBatch, scalar, tick } from './pgq.ts';

let db: TestDatabase;
let session: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  session = await db.connect();
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

  test('what commits after a tick comes in the next batch, with lower ids', async () => {
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

  test('what was rolled back to a savepoint does not come, what the savepoint kept does', async () => {
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
