import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { finish, givenQueue, insert, nextBatch, scalar, tick } from './pgq.ts';

let db: TestDatabase;
let session: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  session = await db.connect();
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

  test('text that is more than a condition is refused', async () => {
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

  test('a condition may add rows as a query of the caller could, and with no other rights', async () => {
    if (provider() === 'extension') return; // D: there it is pasted in as it is
    const batch = await givenBatch('adds');
    const rows = (text: string) =>
      `false) union all select 0, now(), 0, 0, 't', ${text}, '', '', '', '' where (true`;
    await session.query('create table hidden as select 1');
    await session.query('begin');
    expect(await open(batch, 'a1', 10, rows("'added'"))).toEqual(['added']);
    await session.query(`create role cursor_reader_${session.backendPid}`);
    await session.query(`grant pgq_reader to cursor_reader_${session.backendPid}`);
    await session.query(`set local role cursor_reader_${session.backendPid}`);
    expect(await open(batch, 'a2', 10, rows('current_user::text'))).toEqual([
      `cursor_reader_${session.backendPid}`,
    ]);
    await expect(open(batch, 'a3', 10, rows('(select count(*)::text from hidden)'))).rejects.toThrow(
      'permission denied for table hidden',
    );
    await session.query('rollback');
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
