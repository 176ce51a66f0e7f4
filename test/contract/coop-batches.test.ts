import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { coopTouch } from '../../src/queue/coop.ts';
import { givenCentral } from '../support/server/central-schema.ts';
import type { TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import {
  coopFinish,
  coopHold,
  coopUnregister,
  drain,
  givenGroup,
  payloadsOf,
  produce,
  rowsOf,
  silence,
  take,
  taken,
} from './coop.ts';
import { eventsOf, isWaiting, rotate, scalar, tick } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  db = await givenCentral({ server: await givenServer() });
});

const TOKENS_BEGIN = 1_000_000_000_000_000;

describe('contract/coop batches', () => {
  test('a batch is one tick, and its token works in all of PgQ’s functions', async () => {
    const group = await givenGroup(db, 'one-tick');
    await produce(db, group, ['1', '2'], ['3']);
    const batch = await taken(db, group, 'a');
    expect(batch.token).toBeGreaterThanOrEqual(TOKENS_BEGIN);
    expect(batch).toMatchObject({ startTick: 1, endTick: 2, openings: 1, takenOverFrom: undefined });
    expect(batch.endTimeMs).toBeGreaterThan(batch.startTimeMs);
    expect(await payloadsOf(db, batch)).toEqual(['1', '2']);
    const [info] = await db.query('select queue_name, tick_id from pgq.get_batch_info($1)', [batch.token]);
    expect(info).toEqual({ queue_name: 'one-tick', tick_id: 2 });
    await coopFinish(db, batch.token);
    expect(await drain(db, group, 'b')).toEqual(['3']);
  });

  test('members share the position: no two get the same events', async () => {
    const group = await givenGroup(db, 'shared');
    await produce(db, group, ['1'], ['2'], ['3']);
    const one = await taken(db, group, 'a');
    const two = await taken(db, group, 'b');
    expect([await payloadsOf(db, one), await payloadsOf(db, two)]).toEqual([['1'], ['2']]);
    expect(await rowsOf(db, group)).toEqual([
      { consumer: 'g', last: 3, next: null, batch: null },
      { consumer: 'g.a', last: 1, next: 2, batch: one.token },
      { consumer: 'g.b', last: 2, next: 3, batch: two.token },
    ]);
  });

  test('a member that asks again gets its own batch under a new token, and the old token is refused', async () => {
    const group = await givenGroup(db, 'again');
    await produce(db, group, ['1']);
    const first = await taken(db, group, 'a');
    const second = await taken(db, group, 'a');
    expect(second).toMatchObject({ startTick: 1, endTick: 2, openings: 2, takenOverFrom: undefined });
    expect(second.token).not.toBe(first.token);
    expect(await coopTouch(db, first.token)).toBe(false);
    await expect(eventsOf(db, first.token)).rejects.toThrow('batch not found');
    await expect(coopFinish(db, first.token)).rejects.toMatchObject({ code: 'TB001' });
    await coopFinish(db, second.token);
    await expect(coopFinish(db, second.token)).rejects.toMatchObject({
      code: 'TB001',
      message: `Batch ${second.token} was taken over or is already finished: what was done for it is rolled back.`,
    });
    expect(await scalar(db, 'select count(*)::int from tributary.coop_opening')).toBe(0);
  });

  test('a stale finish rolls the handler’s effects back', async () => {
    const group = await givenGroup(db, 'rolled-back');
    await db.query('create table effects (payload text)');
    await produce(db, group, ['1']);
    const frozen = await taken(db, group, 'a');
    await silence(db, 'g.a');
    const mine = await taken(db, group, 'b', { deadAfterMs: 60_000 });
    expect(mine).toMatchObject({ openings: 2, takenOverFrom: 'a' });
    const session = await db.connect();
    await session.query('begin');
    await session.query("insert into effects values ('1')");
    await expect(coopFinish(session, frozen.token)).rejects.toMatchObject({ code: 'TB001' });
    await session.query('commit');
    expect(await db.query('select * from effects')).toEqual([]);
    await coopFinish(db, mine.token);
  });

  test('a call that finds nothing writes nothing', async () => {
    const group = await givenGroup(db, 'idle');
    const session = await db.connect();
    const xidAfter = async (act: () => Promise<unknown>) => {
      await session.query('begin');
      await act();
      const [row] = await session.query('select pg_current_xact_id_if_assigned()::text as xid');
      await session.query('commit');
      return row?.xid;
    };
    expect(await xidAfter(() => take(session, group, 'a', { deadAfterMs: 60_000 }))).toBeNull();
    await produce(db, group, ['1']);
    const batch = await taken(db, group, 'b');
    expect(await xidAfter(() => take(session, group, 'a', { deadAfterMs: 60_000 }))).toBeNull();
    await coopFinish(db, batch.token);
  });

  test('a touch keeps a member alive, also while its finish is under way', async () => {
    const group = await givenGroup(db, 'touched');
    await produce(db, group, ['1']);
    const batch = await taken(db, group, 'a');
    await silence(db, 'g.a');
    expect(await coopTouch(db, batch.token)).toBe(true);
    expect(await take(db, group, 'b', { deadAfterMs: 60_000 })).toBeUndefined();
    const session = await db.connect();
    await session.query('begin');
    await coopFinish(session, batch.token);
    expect(await coopTouch(db, batch.token)).toBe(true);
    await session.query('commit');
    expect(await coopTouch(db, batch.token)).toBe(false);
  });

  test('the openings of a batch are counted over all members, also in a hand-out that was rolled back', async () => {
    const group = await givenGroup(db, 'counted', ['a', 'b', 'c']);
    await produce(db, group, ['1']);
    const session = await db.connect();
    await session.query('begin');
    expect((await taken(session, group, 'a')).openings).toBe(1);
    await session.query('rollback');
    for (const [n, member] of ['a', 'b', 'c', 'a'].entries()) {
      const batch = await taken(db, group, member, { deadAfterMs: 0 });
      expect(batch).toMatchObject({ openings: n + 1, startTick: 1, endTick: 2 });
    }
  });

  test('batches of dead members go to the next member that asks, the oldest first, before new ticks', async () => {
    const group = await givenGroup(db, 'orphans', ['a', 'b', 'c']);
    await produce(db, group, ['1'], ['2'], ['3']);
    await taken(db, group, 'a');
    await taken(db, group, 'b');
    expect(await coopUnregister(db, { ...group, member: 'b' })).toBe(true);
    expect(await coopUnregister(db, { ...group, member: 'a' })).toBe(true);
    expect(await coopUnregister(db, { ...group, member: 'a' })).toBe(false);
    const first = await taken(db, group, 'c');
    expect([first.takenOverFrom, first.openings, await payloadsOf(db, first)]).toEqual(['a', 2, ['1']]);
    await coopFinish(db, first.token);
    expect(await drain(db, group, 'c')).toEqual(['2', '3']);
    expect((await rowsOf(db, group)).map((row) => row.consumer)).toEqual(['g', 'g.c']);
  });

  test('an unregistered member may still finish its batch, or register again and get it back', async () => {
    const group = await givenGroup(db, 'leaver');
    await produce(db, group, ['1'], ['2']);
    const batch = await taken(db, group, 'a');
    await coopUnregister(db, { ...group, member: 'a' });
    expect(await coopTouch(db, batch.token)).toBe(true);
    await coopFinish(db, batch.token);
    expect((await rowsOf(db, group)).map((row) => row.consumer)).toEqual(['g', 'g.b']);
    await taken(db, group, 'a');
    await coopUnregister(db, { ...group, member: 'a' });
    expect(await taken(db, group, 'a')).toMatchObject({ openings: 2, takenOverFrom: undefined });
    expect(await take(db, group, 'b')).toBeUndefined();
  });

  test('a batch being finished is not taken over, and one being taken over is not finished', async () => {
    const group = await givenGroup(db, 'race');
    await produce(db, group, ['1'], ['2']);
    const finisher = await db.connect();
    const taker = await db.connect();
    const first = await taken(db, group, 'a');
    await silence(db, 'g.a');
    await finisher.query('begin');
    await coopFinish(finisher, first.token);
    const other = await taken(taker, group, 'b', { deadAfterMs: 60_000 });
    expect(await payloadsOf(db, other)).toEqual(['2']);
    await finisher.query('commit');
    await coopFinish(db, other.token);

    await produce(db, group, ['3']);
    const second = await taken(db, group, 'a');
    await silence(db, 'g.a');
    await taker.query('begin');
    const stolen = await taken(taker, group, 'b', { deadAfterMs: 60_000 });
    const finishing = coopFinish(finisher, second.token).catch((error: { code?: string }) => error.code);
    await until(() => isWaiting(db, finisher), { what: 'the finish to wait for the taker' });
    await taker.query('commit');
    expect(await finishing).toBe('TB001');
    await coopFinish(db, stolen.token);
  });

  test('a takeover ends the backend that works under the old token', async () => {
    const group = await givenGroup(db, 'frozen');
    await produce(db, group, ['1']);
    const batch = await taken(db, group, 'a');
    const frozen = await db.connect();
    await frozen.query('begin');
    expect(await coopHold(frozen, batch.token)).toBe(true);
    const bystander: Connection = await db.connect();
    await bystander.query('begin');
    await coopHold(bystander, batch.token + 1_000_000);
    await silence(db, 'g.a');
    await taken(db, group, 'b', { deadAfterMs: 60_000 });
    await expect(frozen.closed).resolves.toMatchObject({ code: '57P01' });
    expect(await coopHold(bystander, batch.token)).toBe(false);
    await bystander.query('commit');
  });

  test('with minCount ticks are merged, and a few events never wait', async () => {
    const group = await givenGroup(db, 'merged');
    await produce(db, group, ['the first one, which hides from the extension’s sequence']);
    await drain(db, group, 'a');
    await produce(db, group, ...Array.from({ length: 10 }, (_, n) => [`${n}`]));
    const some = await taken(db, group, 'a', { minCount: 4 });
    expect(await payloadsOf(db, some)).toHaveLength(4);
    await coopFinish(db, some.token);
    const rest = await taken(db, group, 'a', { minCount: 1_000 });
    expect(await payloadsOf(db, rest)).toHaveLength(6);
    await coopFinish(db, rest.token);
    expect(await take(db, group, 'a', { minCount: 1 })).toBeUndefined();
  });

  test('with minInterval ticks wait to be merged, but never longer than that', async () => {
    const group = await givenGroup(db, 'collected');
    await produce(db, group, ['1'], ['2']);
    expect(await take(db, group, 'a', { minIntervalMs: 60_000 })).toBeUndefined();
    expect(await take(db, group, 'a', { minIntervalMs: 60_000, minCount: 100 })).toBeUndefined();
    await db.query(
      "update pgq.tick set tick_time = tick_time - interval '2 minutes' where tick_queue = (select queue_id from pgq.queue where queue_name = 'collected')",
    );
    const batch = await until(() => take(db, group, 'a', { minIntervalMs: 60_000, minCount: 100 }), {
      what: 'a batch whose time is over although no tick came',
    });
    expect(await payloadsOf(db, batch)).toEqual(['1', '2']);
  });

  test('with minLag young ticks stay out, older ones do not wait for them', async () => {
    const group = await givenGroup(db, 'lagging');
    await produce(db, group, ['1'], ['2'], ['3']);
    await db.query(`update pgq.tick set tick_time = tick_time - interval '1 hour'
      where tick_queue = (select queue_id from pgq.queue where queue_name = 'lagging') and tick_id <= 3`);
    const batch = await taken(db, group, 'a', { minCount: 100, minLagMs: 60_000 });
    expect(await payloadsOf(db, batch)).toEqual(['1', '2']);
    await coopFinish(db, batch.token);
    expect(await take(db, group, 'a', { minLagMs: 60_000 })).toBeUndefined();
  });

  test('a tick out of order is passed over: no event is handed out twice', async () => {
    const group = await givenGroup(db, 'disorder');
    const [{ snapshot } = {}] = await db.query<{ snapshot: string }>(
      'select txid_current_snapshot()::text as snapshot',
    );
    await produce(db, group, ['1'], ['2']);
    // A tick with the highest id and a snapshot from before both.
    await db.query(
      `insert into pgq.tick (tick_queue, tick_id, tick_snapshot, tick_event_seq)
       select queue_id, 4, $1::txid_snapshot, 99 from pgq.queue where queue_name = 'disorder'`,
      [snapshot],
    );
    await db.query("select setval(queue_tick_seq::regclass, 4) from pgq.queue where queue_name = 'disorder'");
    expect(await drain(db, group, 'a')).toEqual(['1', '2']);
    expect(await take(db, group, 'a', { minCount: 1 })).toBeUndefined();
    // Both kinds of ticker refuse or take it from here in their own way; ours sees what comes after.
    await db.query(
      `insert into pgq.tick (tick_queue, tick_id, tick_snapshot, tick_event_seq)
       select queue_id, 5, txid_current_snapshot(), 99 from pgq.queue where queue_name = 'disorder'`,
    );
    const after = await taken(db, group, 'a');
    expect([after.startTick, after.endTick, await payloadsOf(db, after)]).toEqual([3, 5, []]);
  });

  test('an empty batch between full ones is handed out and finished like any other', async () => {
    const group = await givenGroup(db, 'empty');
    await produce(db, group, ['1'], [], ['2']);
    expect(await drain(db, group, 'a')).toEqual(['1', '2']);
  });

  test('an event that was put off comes back to the member that asks next', async () => {
    const group = await givenGroup(db, 'retried');
    await produce(db, group, ['1', '2']);
    const batch = await taken(db, group, 'a');
    const [event] = await eventsOf(db, batch.token);
    await db.query('select pgq.event_retry($1, $2, 0)', [batch.token, event?.ev_id]);
    await coopFinish(db, batch.token);
    await until(() => scalar(db, 'select pgq.maint_retry_events() > 0'), { what: 'the retry to be due' });
    await tick(db, group.queue);
    const again = await taken(db, group, 'b');
    expect((await eventsOf(db, again.token)).map((one) => [one.ev_data, one.ev_retry])).toEqual([['1', 1]]);
  });

  test('an open batch of a member holds rotation back', async () => {
    const group = await givenGroup(db, 'rotated', ['a', 'b']);
    await produce(db, group, ['1']);
    const batch = await taken(db, group, 'a');
    for (let n = 0; n < 4; n += 1) {
      await produce(db, group, [`${n + 2}`]);
      await drain(db, group, 'b');
      await rotate(db, group.queue);
    }
    expect(await payloadsOf(db, batch)).toEqual(['1']);
    await coopFinish(db, batch.token);
  });

  test('versions of a member’s row do not pile up by one key while a snapshot is held; every event comes once', async () => {
    const group = await givenGroup(db, 'renewed', ['once', 'twice']);
    const consumers = new Set<number>();
    const payloads = Array.from({ length: 400 }, (_, n) => String(n));
    const seen: (string | null)[] = [];
    for (const payload of payloads) {
      await produce(db, group, [payload]);
      const batch = await taken(db, group, seen.length % 3 === 0 ? 'twice' : 'once');
      seen.push(...(await payloadsOf(db, batch)));
      const [row] = await db.query<{ id: number; name: string }>(
        'select c.co_id as id, c.co_name as name from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer where s.sub_batch = $1',
        [batch.token],
      );
      expect(['g.once', 'g.twice']).toContain(row?.name);
      consumers.add(row?.id ?? 0);
      await coopFinish(db, batch.token);
    }
    expect(seen).toEqual(payloads);
    // One more for every 128 batches.
    expect(consumers.size).toBeGreaterThanOrEqual(5);
    expect((await rowsOf(db, group)).map(({ consumer }) => consumer)).toEqual(['g', 'g.once', 'g.twice']);
    await coopUnregister(db, { ...group, member: 'once' });
    expect((await rowsOf(db, group)).map(({ consumer }) => consumer)).toEqual(['g', 'g.twice']);
  });

  test('a member whose name is in use on another queue keeps its row', async () => {
    const [one, two] = [await givenGroup(db, 'kept-1', ['a']), await givenGroup(db, 'kept-2', ['a'])];
    await produce(db, two, ['x']);
    const open = await taken(db, two, 'a');
    for (let n = 0; n < 130; n += 1) await produce(db, one, [String(n)]);
    const rows = () => db.query("select co_id from pgq.consumer where co_name = 'g.a'");
    const before = await rows();
    expect(await drain(db, one, 'a')).toHaveLength(130);
    expect(await rows()).toEqual(before);
    await coopFinish(db, open.token);
  });
});
