import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import {
  consume,
  consumeAll,
  eventsOf,
  finish,
  givenQueue,
  insert,
  isWaiting,
  nextBatch,
  rotateWhenPassed,
  scalar,
  tick,
} from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  // Of our own: which ticks a rotation removes depends on the transactions of the whole server.
  db = await givenDatabase({ server: await givenServer() });
});

const register = (queue: string | null, consumer: string | null) =>
  scalar<number>(db, 'select pgq.register_consumer($1, $2)', [queue, consumer]);
const registerAt = (queue: string, consumer: string, at: number | null) =>
  scalar<number>(db, 'select pgq.register_consumer_at($1, $2, $3)', [queue, consumer, at]);
const unregister = (queue: string | null, consumer: string | null) =>
  scalar<number>(db, 'select pgq.unregister_consumer($1, $2)', [queue, consumer]);

/** Any wait for a lock is an error. */
async function withoutWait(sql: string): Promise<void> {
  const session = await db.connect();
  await session.query("set lock_timeout = '1s'");
  await session.query(sql);
}

describe('contract/pgq consumers', () => {
  test('registering returns 1, then 0, and keeps an open batch', async () => {
    await givenQueue(db, 'r', { consumers: ['other'] });
    expect(await register('r', 'c')).toBe(1);
    await insert(db, 'r', 'a');
    await tick(db, 'r');
    const batch = await nextBatch(db, 'r', 'c');
    expect(await register('r', 'c')).toBe(0);
    expect(await nextBatch(db, 'r', 'c')).toBe(batch);
  });

  test('registering needs a queue, a tick and a name', async () => {
    await givenQueue(db, 'named');
    await expect(register('nowhere', 'c')).rejects.toThrow('Event queue not created yet');
    await expect(register('named', null)).rejects.toThrow('co_name');
    await db.query(
      "delete from pgq.tick where tick_queue = (select queue_id from pgq.queue where queue_name = 'named')",
    );
    await expect(register('named', 'c')).rejects.toThrow(
      'No ticks for this queue.  Please run ticker on database.',
    );
  });

  test('a new consumer gets what was committed after the newest tick, also before it registered', async () => {
    await givenQueue(db, 'start');
    await insert(db, 'start', 'before the tick');
    await tick(db, 'start');
    await insert(db, 'start', 'after the tick');
    await register('start', 'c');
    await insert(db, 'start', 'after registering');
    await tick(db, 'start');
    expect(await consume(db, 'start', 'c')).toEqual(['after the tick', 'after registering']);
  });

  test('a position moves to any tick there is, back and forth, and gives the same events again', async () => {
    await givenQueue(db, 'seek', { consumers: ['c'] });
    const ticks: (number | null)[] = [1];
    for (const data of ['a', 'b', 'c']) {
      await insert(db, 'seek', data);
      ticks.push(await tick(db, 'seek'));
    }
    expect(await consumeAll(db, 'seek', 'c')).toEqual(['a', 'b', 'c']);
    expect(await registerAt('seek', 'c', ticks[1] ?? 0)).toBe(0);
    expect(await consumeAll(db, 'seek', 'c')).toEqual(['b', 'c']);
    await registerAt('seek', 'c', ticks[0] ?? 0);
    await registerAt('seek', 'c', ticks[2] ?? 0);
    expect(await consumeAll(db, 'seek', 'c')).toEqual(['c']);
    await expect(registerAt('seek', 'c', 4_711)).rejects.toThrow('cannot reposition, tick not found: 4711');
    expect(await registerAt('seek', 'new', ticks[2] ?? 0)).toBe(1);
    expect(await consumeAll(db, 'seek', 'new')).toEqual(['c']);
    expect(await registerAt('seek', 'newest', null)).toBe(1);
    expect(await consumeAll(db, 'seek', 'newest')).toEqual([]);
  });

  test('moving a position drops the open batch, whose id is then unknown', async () => {
    await givenQueue(db, 'drop', { consumers: ['c'] });
    await insert(db, 'drop', 'a');
    await tick(db, 'drop');
    const batch = await nextBatch(db, 'drop', 'c');
    await registerAt('drop', 'c', 1);
    expect(await finish(db, batch)).toBe(0);
    await expect(eventsOf(db, batch)).rejects.toThrow('batch not found');
    expect(await consume(db, 'drop', 'c')).toEqual(['a']);
    // Without a tick nothing moves, and the batch stays.
    await insert(db, 'drop', 'b');
    await tick(db, 'drop');
    const open = await nextBatch(db, 'drop', 'c');
    expect(await registerAt('drop', 'c', null)).toBe(0);
    expect(await finish(db, open)).toBe(1);
  });

  test('unregistering takes the subscription, its retries and the name once nothing uses it', async () => {
    await givenQueue(db, 'u1', { consumers: ['shared', 'alone'] });
    await givenQueue(db, 'u2', { consumers: ['shared'] });
    await insert(db, 'u1', 'a');
    await tick(db, 'u1');
    for (const consumer of ['shared', 'alone']) {
      const batch = await nextBatch(db, 'u1', consumer);
      await db.query('select pgq.batch_retry($1, 0)', [batch]);
      await finish(db, batch);
    }
    expect(await unregister('u1', 'shared')).toBe(1);
    expect(await unregister('u1', 'alone')).toBe(1);
    expect(await unregister('u1', 'alone')).toBe(0);
    expect(await unregister('nowhere', 'alone')).toBe(0);
    expect(await unregister(null, null)).toBe(0);
    expect(await db.query("select co_name from pgq.consumer where co_name in ('shared', 'alone')")).toEqual([
      { co_name: 'shared' },
    ]);
    expect(
      await scalar(
        db,
        "select count(*) from pgq.retry_queue join pgq.queue on queue_id = ev_queue where queue_name = 'u1'",
      ),
    ).toBe(0);
  });

  test('in a group that shares a subscription id, a member is unregistered alone and the main consumer with all members', async () => {
    await givenQueue(db, 'group', { consumers: ['main', 'main.a', 'main.b'] });
    // As pgq_coop lays a group out: one id, idle members without a position.
    await db.query(`
      update pgq.subscription set sub_id = (select min(sub_id) from pgq.subscription s join pgq.queue on queue_id = s.sub_queue where queue_name = 'group'),
             sub_last_tick = case when co_name = 'main' then sub_last_tick end
        from pgq.consumer where co_id = sub_consumer and co_name like 'main%'`);
    expect(await unregister('group', 'main.a')).toBe(1);
    expect(await unregister('group', 'main')).toBe(2);
    expect(
      await scalar(
        db,
        "select count(*) from pgq.subscription join pgq.queue on queue_id = sub_queue where queue_name = 'group'",
      ),
    ).toBe(0);
  });

  test('of two sessions that register the same new consumer one gets 1 and the other 0', async () => {
    await givenQueue(db, 'race');
    const [first, second] = [await db.connect(), await db.connect()];
    await first.query('begin');
    await first.query("select pgq.register_consumer('race', 'raced')");
    const late = scalar<number>(second, "select pgq.register_consumer('race', 'raced')");
    late.catch(() => {});
    await until(() => isWaiting(db, second), { what: 'the second registration to wait' });
    await first.query('commit');
    // D: the extension fails with a unique violation.
    if (provider() === 'engine') expect(await late).toBe(0);
    else await expect(late).rejects.toThrow('consumer_name_uq');
  });

  test('a position that is being moved back keeps a rotation from removing its tick, and nobody waits for it', async () => {
    if (provider() === 'extension') return; // H3: it bricks the consumer; Tributary's watermarks only move forward
    await givenQueue(db, 'h3', { consumers: ['c'] });
    await insert(db, 'h3', 'a');
    await rotateWhenPassed(db, 'h3');
    await insert(db, 'h3', 'b');
    await tick(db, 'h3');
    await consumeAll(db, 'h3', 'c');

    const [mover, rotator] = [await db.connect(), await db.connect()];
    await mover.query('begin');
    await mover.query("select pgq.register_consumer_at('h3', 'c', 1)");
    await withoutWait("select pgq.maint_rotate_tables_step1('h3')");
    expect(await scalar(db, "select queue_cur_table from pgq.queue where queue_name = 'h3'")).toBe(1);
    await withoutWait("select pgq.ticker('h3')");
    await mover.query('commit');
    expect(await consumeAll(db, 'h3', 'c')).toEqual(['a', 'b']);

    // The other way round: the rotation first, the move waits and then finds no such tick.
    await until(
      async () => {
        await tick(db, 'h3');
        await consumeAll(db, 'h3', 'c');
        return scalar<boolean>(
          db,
          `select txid_snapshot_xmin(tick_snapshot) > queue_switch_step2
             from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'h3' order by tick_id desc limit 1`,
        );
      },
      { what: 'a tick after the last switch' },
    );
    await rotator.query('begin');
    await rotator.query("select pgq.maint_rotate_tables_step1('h3')");
    const move = mover.query("select pgq.register_consumer_at('h3', 'c', 1)");
    move.catch(() => {});
    await until(() => isWaiting(db, mover), { what: 'the move to wait for the rotation' });
    await rotator.query('commit');
    await expect(move).rejects.toThrow('cannot reposition, tick not found: 1');
    expect(await consumeAll(db, 'h3', 'c')).toEqual([]);
  });

  test('while a consumer that is there registers again in an open transaction, nobody waits', async () => {
    await givenQueue(db, 'again', { consumers: ['c'] });
    await insert(db, 'again', 'a');
    await tick(db, 'again');
    await consumeAll(db, 'again', 'c');
    await tick(db, 'again');
    await consumeAll(db, 'again', 'c');
    const open = await db.connect();
    await open.query('begin');
    expect(await scalar(open, "select pgq.register_consumer('again', 'c')")).toBe(0);
    expect(await scalar(open, "select pgq.register_consumer_at('again', 'c', null)")).toBe(0);
    await db.query("update pgq.queue set queue_rotation_period = '0' where queue_name = 'again'");
    await withoutWait("select pgq.maint_rotate_tables_step1('again')");
    expect(await scalar(db, "select queue_cur_table from pgq.queue where queue_name = 'again'")).toBe(1);
    await withoutWait('select pgq.maint_rotate_tables_step2()');
    await expect(withoutWait("select pgq.drop_queue('again')")).rejects.toThrow('consumers still attached');
    // One that has registered at a tick is in the way of its own end, as it is on the extension; not of a refusal.
    await open.query(
      "select pgq.register_consumer_at('again', 'c', max(tick_id)) from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'again'",
    );
    await expect(withoutWait("select pgq.drop_queue('again')")).rejects.toThrow('consumers still attached');
    await open.query('rollback');
    expect(await scalar(db, "select pgq.drop_queue('again', true)")).toBe(1);
  });
});
