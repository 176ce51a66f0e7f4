// A writer that a rotation overtakes puts its row where, by the dates of the rotation, no new row can be. The extension's
// get_batch_events never sees such a row. There Tributary reads windows from the queue's parent table, so the tests do.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import {
  consumeAll,
  finish,
  givenQueue,
  insert,
  isWaiting,
  nextBatch,
  rotate,
  rotateWhenPassed,
  scalar,
  tick,
} from './pgq.ts';

let db: TestDatabase;
let writer: Connection;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  db = await givenDatabase({ server: await givenServer() });
  writer = await db.connect();
});

/** Consumer `c` stands at a tick from after the rotation: only then the extension reads the current table alone. */
async function givenQueueRotatedUnderWriter(queue: string): Promise<void> {
  await rotateWhenPassed(db, queue);
  await tick(db, queue);
  await consumeAll(db, queue, 'c');
}

/** What the consumer has still to get, as Tributary would read it on this provider. */
async function remaining(queue: string): Promise<unknown[]> {
  if (provider() === 'engine') return consumeAll(db, queue, 'c');
  const batch = await nextBatch(db, queue, 'c');
  const parent = await scalar<string>(db, 'select queue_data_pfx from pgq.queue where queue_name = $1', [
    queue,
  ]);
  const rows = await db.query<{ ev_data: string }>(
    `select ev_data
       from pgq.subscription
       join pgq.tick s on s.tick_queue = sub_queue and s.tick_id = sub_last_tick
       join pgq.tick e on e.tick_queue = sub_queue and e.tick_id = sub_next_tick
       join ${parent} on txid_visible_in_snapshot(ev_txid, e.tick_snapshot)
                     and not txid_visible_in_snapshot(ev_txid, s.tick_snapshot)
      where sub_batch = $1 and ev_owner is null
      order by ev_id, ev_txid`,
    [batch],
  );
  await finish(db, batch);
  return rows.map((row) => row.ev_data);
}

describe('contract/pgq stale writers', () => {
  test('a REPEATABLE READ producer whose snapshot predates the rotation loses nothing', async () => {
    await givenQueue(db, 'rr', { consumers: ['c'] });
    await writer.query('begin isolation level repeatable read');
    await writer.query('select count(*) from pgq.queue');

    await givenQueueRotatedUnderWriter('rr');
    await insert(writer, 'rr', 'overtaken');
    await writer.query('commit');
    await insert(db, 'rr', 'after');
    await tick(db, 'rr');

    expect((await remaining('rr')).sort()).toEqual(['after', 'overtaken']);
  });

  test('a READ COMMITTED writer that asked for the table before the rotation loses nothing', async () => {
    await givenQueue(db, 'late', { consumers: ['c'] });
    await writer.query('begin');
    const table = await scalar<string>(writer, "select pgq.current_event_table('late')");

    await tick(db, 'late');
    await consumeAll(db, 'late', 'c');
    await rotate(db, 'late');
    await tick(db, 'late');
    await consumeAll(db, 'late', 'c');
    await writer.query(`insert into ${table} (ev_time, ev_data) values (now(), 'overtaken')`);
    await writer.query('commit');
    await tick(db, 'late');

    expect(await remaining('late')).toEqual(['overtaken']);
  });

  test('an insert stalled on a table lock across the rotation loses nothing', async () => {
    await givenQueue(db, 'stalled', { consumers: ['c'] });
    const locker = await db.connect();
    const table = await scalar<string>(db, "select pgq.current_event_table('stalled')");
    await locker.query('begin');
    await locker.query(`lock table ${table} in share mode`);
    const stalled = insert(writer, 'stalled', 'overtaken');
    await until(() => isWaiting(db, writer), { what: 'the insert to wait for the table' });

    // On our engine the writer owns its id by now, which holds the rotation's second half back: no switch, or none
    // that matters. Either way nothing may be lost.
    await tick(db, 'stalled');
    await consumeAll(db, 'stalled', 'c');
    await rotate(db, 'stalled');
    await tick(db, 'stalled');
    await consumeAll(db, 'stalled', 'c');
    await locker.query('commit');
    await stalled;
    await tick(db, 'stalled');

    expect(await remaining('stalled')).toEqual(['overtaken']);
  });

  test('a row that a stale writer left in the table to be emptied next holds the rotation back', async () => {
    await givenQueue(db, 'held', { consumers: ['c'] });
    await writer.query('begin isolation level repeatable read');
    await writer.query('select count(*) from pgq.queue');
    // Two switches: the table that the writer's snapshot calls current is the next to be emptied.
    await givenQueueRotatedUnderWriter('held');
    await givenQueueRotatedUnderWriter('held');
    await insert(writer, 'held', 'overtaken twice');
    await writer.query('commit');

    if (provider() === 'extension') {
      // The extension empties the table all the same; Tributary's upkeep looks into it before it calls step 1.
      expect(await remaining('held')).toEqual([]);
      return;
    }
    // The consumer stands behind the switch and would let go, were it not for that row: no tick covers it yet.
    expect(await rotate(db, 'held')).toBe(false);
    await tick(db, 'held');
    expect(await rotate(db, 'held')).toBe(false);
    expect(await remaining('held')).toEqual(['overtaken twice']);
    await rotateWhenPassed(db, 'held');
  });

  test('after a stale row was emptied away no tick remains that would have to show it', async () => {
    if (provider() === 'extension') return; // our rule; the extension has none
    await givenQueue(db, 'purged', { consumers: ['c'] });
    await writer.query('begin isolation level repeatable read');
    await writer.query('select count(*) from pgq.queue');
    await givenQueueRotatedUnderWriter('purged');
    await givenQueueRotatedUnderWriter('purged');
    const before = await tick(db, 'purged');
    await insert(writer, 'purged', 'overtaken twice');
    await writer.query('commit');
    const after = await tick(db, 'purged');
    await rotateWhenPassed(db, 'purged');
    const ticks = await db.query<{ tick_id: number }>(
      "select tick_id from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'purged'",
    );
    expect(ticks.map((row) => row.tick_id)).not.toContain(before);
    expect(ticks.map((row) => row.tick_id)).toContain(after);
  });
});
