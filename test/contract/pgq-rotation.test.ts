import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenServer, type TestServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import {
  consumeAll,
  givenQueue,
  insert,
  isWaiting,
  nextBatch,
  rotate,
  rotateWhenPassed,
  scalar,
  tick,
} from './pgq.ts';

const PASSED = { what: 'positions after the last switch' };

let server: TestServer;
let db: TestDatabase;
let session: Connection;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  server = await givenServer();
  db = await givenDatabase({ server });
  session = await db.connect();
});

const currentTable = (queue: string) =>
  scalar<number>(db, 'select queue_cur_table from pgq.queue where queue_name = $1', [queue]);
const ticksOf = async (queue: string) =>
  (
    await db.query<{ tick_id: number }>(
      'select tick_id from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = $1 order by 1',
      [queue],
    )
  ).map((row) => row.tick_id);

/** Ticks, and lets the consumer pass everything. */
async function pass(queue: string, consumer = 'c'): Promise<(string | null)[]> {
  await tick(db, queue);
  return consumeAll(db, queue, consumer);
}

/** Passes everything; do the positions now lie after the last switch? */
async function hasPassedSwitch(queue: string, consumers: readonly string[] = ['c']): Promise<boolean> {
  for (const consumer of consumers) await pass(queue, consumer);
  return scalar<boolean>(
    db,
    `select bool_and(txid_snapshot_xmin(tick_snapshot) > queue_switch_step2)
       from pgq.queue
       join pgq.subscription on sub_queue = queue_id
       join pgq.tick on tick_queue = sub_queue and tick_id = sub_last_tick
      where queue_name = $1`,
    [queue],
  );
}

describe('contract/pgq rotation', () => {
  test('with a consumer that keeps up the tables take turns, and batches across a switch lose nothing', async () => {
    await givenQueue(db, 'turns', { consumers: ['c'] });
    const tables: number[] = [await currentTable('turns')];
    const got: (string | null)[] = [];
    for (const round of [1, 2, 3, 4]) {
      await until(() => hasPassedSwitch('turns'), PASSED);
      await insert(db, 'turns', `${round} before`);
      await tick(db, 'turns');
      const batch = await nextBatch(db, 'turns', 'c'); // stays open across the switch
      await insert(db, 'turns', `${round} between`);
      await until(() => rotate(db, 'turns'), { what: 'the rotation', timeoutMs: 40_000 });
      tables.push(await currentTable('turns'));
      await insert(db, 'turns', `${round} after`);
      expect(await nextBatch(db, 'turns', 'c')).toBe(batch);
      got.push(...(await pass('turns')));
    }
    expect(tables).toEqual([0, 1, 2, 0, 1]);
    expect(got).toEqual([1, 2, 3, 4].flatMap((n) => [`${n} before`, `${n} between`, `${n} after`]));
  });

  test('ticks go one rotation after they were passed', async () => {
    await givenQueue(db, 'purge', { consumers: ['c'] });
    await rotateWhenPassed(db, 'purge');
    const first = await ticksOf('purge');
    expect(first).toContain(1);
    await rotateWhenPassed(db, 'purge');
    const second = await ticksOf('purge');
    expect(second.filter((id) => first.includes(id))).toEqual([]);
    expect(second.length).toBeGreaterThan(0);
  });

  test('the table that is emptied was in use two switches ago', async () => {
    await givenQueue(db, 'emptied', { consumers: ['c'] });
    await insert(db, 'emptied', 'a');
    const parent = await scalar<string>(
      db,
      "select queue_data_pfx from pgq.queue where queue_name = 'emptied'",
    );
    for (const left of [1, 1, 0]) {
      await rotateWhenPassed(db, 'emptied');
      expect(await scalar(db, `select count(*) from ${parent}`)).toBe(left);
    }
  });

  test('a consumer that has not passed the last switch holds the next one', async () => {
    await givenQueue(db, 'lagging', { consumers: ['c', 'slow'] });
    await rotateWhenPassed(db, 'lagging', ['c', 'slow']);
    await pass('lagging');
    expect(await rotate(db, 'lagging')).toBe(false);
    await rotateWhenPassed(db, 'lagging', ['c', 'slow']);
  });

  test('nothing is switched before the period is over, without step 2, or in an unknown queue', async () => {
    await givenQueue(db, 'early', { consumers: ['c'] });
    const step1 = () => scalar<number>(db, "select pgq.maint_rotate_tables_step1('early')");
    await until(() => hasPassedSwitch('early'), PASSED);
    expect(await step1()).toBe(0);
    expect(await currentTable('early')).toBe(0);

    await db.query("update pgq.queue set queue_rotation_period = '0' where queue_name = 'early'");
    expect(await step1()).toBe(0);
    expect(await currentTable('early')).toBe(1);
    await pass('early');
    expect(await step1()).toBe(0);
    expect(await currentTable('early')).toBe(1);
    // Half a rotation loses nothing meanwhile.
    await insert(db, 'early', 'a');
    expect(await pass('early')).toEqual(['a']);
    expect(await scalar(db, 'select pgq.maint_rotate_tables_step2()')).toBe(0);
    await until(() => hasPassedSwitch('early'), PASSED);
    await step1();
    expect(await currentTable('early')).toBe(2);

    for (const unknown of ['nowhere', null]) {
      expect(await scalar(db, 'select pgq.maint_rotate_tables_step1($1)', [unknown])).toBe(0);
    }
  });

  test('a lock on the table to be emptied postpones the switch, without a wait', async () => {
    await givenQueue(db, 'reader', { consumers: ['c'] });
    await until(() => hasPassedSwitch('reader'), PASSED);
    const parent = await scalar<string>(
      db,
      "select queue_data_pfx from pgq.queue where queue_name = 'reader'",
    );
    await session.query('begin');
    await session.query(`select * from ${parent}_1`);
    expect(await rotate(db, 'reader')).toBe(false);
    await session.query('commit');
    expect(await rotate(db, 'reader')).toBe(true);
  });

  test('reading a batch leaves no lock on the table to be emptied next', async () => {
    await givenQueue(db, 'reading', { consumers: ['c', 'other'] });
    for (const data of ['a', 'b', 'c']) {
      await insert(db, 'reading', data);
      await rotateWhenPassed(db, 'reading', ['c', 'other']);
    }
    await until(() => hasPassedSwitch('reading', ['c', 'other']), {
      what: 'positions after the last switch',
    });
    await insert(db, 'reading', 'e');
    await pass('reading');
    await session.query('begin');
    const batch = await nextBatch(session, 'reading', 'other');
    expect(await session.query('select ev_data from pgq.get_batch_events($1)', [batch])).toEqual([
      { ev_data: 'e' },
    ]);
    const victim = await scalar<string>(
      db,
      "select queue_data_pfx || '_' || (queue_cur_table + 1) % 3 from pgq.queue where queue_name = 'reading'",
    );
    expect(
      await scalar(db, 'select count(*) from pg_locks where pid = $1 and relation = $2::regclass', [
        session.backendPid,
        victim,
      ]),
    ).toBe(0);
    await session.query('commit');
  });

  test('a transaction that is open anywhere in the cluster holds the rotation back', async () => {
    const elsewhere = await givenDatabase({ server });
    await givenQueue(db, 'cluster', { consumers: ['c'] });
    await rotateWhenPassed(db, 'cluster');
    const open = await elsewhere.connect();
    await open.query('begin');
    await open.query('select txid_current()');
    // A position from after the switch, but with that transaction still open in it: from before step 2 is needed.
    await db.query(
      "update pgq.queue set queue_switch_step2 = (select txid_current()) where queue_name = 'cluster'",
    );
    await pass('cluster');
    expect(await rotate(db, 'cluster')).toBe(false);
    await open.query('commit');
    await rotateWhenPassed(db, 'cluster');
  });

  test('events of a prepared transaction come when it is committed, and hold the rotation back until then', async () => {
    await givenQueue(db, 'prepared', { consumers: ['c'] });
    await session.query('begin');
    await insert(session, 'prepared', 'a');
    await session.query("prepare transaction 'contract'");
    try {
      expect(await pass('prepared')).toEqual([]);
      await rotate(db, 'prepared');
      expect(await pass('prepared')).toEqual([]);
      expect(await rotate(db, 'prepared')).toBe(false);
    } finally {
      await db.query("commit prepared 'contract'");
    }
    expect(await pass('prepared')).toEqual(['a']);
  });

  test('without consumers and ticks all tables are emptied, and a new tick makes the queue usable again', async () => {
    await givenQueue(db, 'alone');
    await insert(db, 'alone', 'nobody wants it');
    await db.query("update pgq.queue set queue_ticker_paused = true where queue_name = 'alone'");
    await rotate(db, 'alone');
    await rotate(db, 'alone');
    expect(await ticksOf('alone')).toEqual([]);
    await expect(db.query("select pgq.register_consumer('alone', 'c')")).rejects.toThrow(
      'No ticks for this queue.',
    );
    await db.query("update pgq.queue set queue_ticker_paused = false where queue_name = 'alone'");
    expect(await tick(db, 'alone')).toBe(2);
    await db.query("select pgq.register_consumer('alone', 'c')");
    await insert(db, 'alone', 'wanted');
    expect(await pass('alone')).toEqual(['wanted']);
  });

  test('of two rotations at once one does nothing, a tick waits, an insert does not', async () => {
    await givenQueue(db, 'twice', { consumers: ['c'] });
    await until(() => hasPassedSwitch('twice'), PASSED);
    await db.query("update pgq.queue set queue_rotation_period = '0' where queue_name = 'twice'");
    const [other, ticker] = [await db.connect(), await db.connect()];
    await session.query('begin');
    await session.query("select pgq.maint_rotate_tables_step1('twice')");
    const second = scalar(other, "select pgq.maint_rotate_tables_step1('twice')");
    const ticked = tick(ticker, 'twice');
    await until(() => isWaiting(db, ticker), { what: 'the tick to wait' });
    expect(await insert(db, 'twice', 'a')).toBe(1);
    await session.query('commit');
    expect(await second).toBe(0);
    expect(await ticked).toBeGreaterThan(1);
    expect(await currentTable('twice')).toBe(1);
    await db.query('select pgq.maint_rotate_tables_step2()');
    expect(await pass('twice')).toEqual(['a']);
  });

  test('a consumer whose tick is gone stops the rotation with a message that has the number of the tick', async () => {
    await givenQueue(db, 'dangling', { consumers: ['c'] });
    await pass('dangling');
    await db.query(
      "update pgq.subscription set sub_last_tick = 77 where sub_queue = (select queue_id from pgq.queue where queue_name = 'dangling')",
    );
    await expect(rotate(db, 'dangling')).rejects.toThrow('queue dangling maint failure: tick 77 not found');
    await db.query("select pgq.drop_queue('dangling', true)");
  });

  test('step 2 is refused in the transaction of step 1, and rotation under an old snapshot', async () => {
    if (provider() === 'extension') return; // H2: it loses events; Tributary never does that
    await givenQueue(db, 'h2', { consumers: ['c'] });
    await until(() => hasPassedSwitch('h2'), PASSED);
    await db.query("update pgq.queue set queue_rotation_period = '0' where queue_name = 'h2'");
    await session.query('begin');
    await session.query("select pgq.maint_rotate_tables_step1('h2')");
    await expect(session.query('select pgq.maint_rotate_tables_step2()')).rejects.toThrow(
      'step 2 of the rotation of queue h2 needs a later transaction than step 1',
    );
    await session.query('rollback');
    expect(await currentTable('h2')).toBe(0);

    await session.query('begin isolation level repeatable read');
    await expect(session.query("select pgq.maint_rotate_tables_step1('h2')")).rejects.toThrow(
      'READ COMMITTED',
    );
    await session.query('rollback');
  });
});
