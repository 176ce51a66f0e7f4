// The known defects of upstream's pgq_coop, by their numbers in docs/pgq, against our functions of the same names.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { coopTouch } from '../../src/queue/coop.ts';
import { givenCentral } from '../support/server/central-schema.ts';
import type { TestDatabase } from '../support/server/database.ts';
import { coopFinish, type Group, produce, rowsOf, silence, take, taken } from './coop.ts';
import { dataOf, eventsOf, givenQueue, type Queryable, scalar, warningsOf } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenCentral();
});

const next = (on: Queryable, { queue, group }: Group, member: string, dead: string | null = null) =>
  scalar<number | null>(on, 'select pgq_coop.next_batch($1, $2, $3, $4::interval)', [
    queue,
    group,
    member,
    dead,
  ]);
const finish = (on: Queryable, batch: number | null) =>
  scalar<number>(on, 'select pgq_coop.finish_batch($1)', [batch]);
const unregister = ({ queue, group }: Group, member: string, mode: number) =>
  scalar<number>(db, 'select pgq_coop.unregister_subconsumer($1, $2, $3, $4)', [queue, group, member, mode]);
const register = ({ queue, group }: Group, member: string, on: Queryable = db) =>
  scalar<number>(on, 'select pgq_coop.register_subconsumer($1, $2, $3)', [queue, group, member]);
const payloads = async (batch: number | null) => dataOf(await eventsOf(db, batch));

async function givenMembers(queue: string, ...members: string[]): Promise<Group> {
  const group = { queue, group: 'g' };
  await givenQueue(db, queue);
  for (const member of members) await register(group, member);
  return group;
}

describe('contract/coop defects of upstream', () => {
  test('1: a member that works in the transaction of its next_batch holds up only calls that reach for the same tick', async () => {
    const group = await givenMembers('d1', 'a', 'b', 'c');
    await produce(db, group, ['1'], ['2']);
    const before = await taken(db, group, 'c');
    const slow = await db.connect();
    await slow.query('begin');
    await next(slow, group, 'a');
    // Whoever finishes, touches, asks again for its own or finds nothing does not meet the group's row.
    expect(await coopTouch(db, before.token)).toBe(true);
    const again = await taken(db, group, 'c');
    await coopFinish(db, again.token);
    await slow.query('commit');
    expect(await next(db, group, 'b')).toBeNull();
  });

  test('2: after a takeover the old worker can neither read, retry nor finish', async () => {
    const group = await givenMembers('d2', 'a', 'b');
    await produce(db, group, ['1']);
    const old = await next(db, group, 'a');
    const [event] = await eventsOf(db, old);
    await silence(db, 'g.a');
    const fresh = await next(db, group, 'b', '1 minute');
    expect(fresh).not.toBe(old);
    await expect(eventsOf(db, old)).rejects.toThrow('batch not found');
    await expect(db.query('select pgq.event_retry($1, $2, 0)', [old, event?.ev_id])).rejects.toThrow(
      'not found',
    );
    await expect(finish(db, old)).rejects.toMatchObject({ code: 'TB001' });
    expect(await finish(db, fresh)).toBe(1);
  });

  test('3: a batch that its owner is just finishing is not taken over', async () => {
    const group = await givenMembers('d3', 'a', 'b');
    await produce(db, group, ['1']);
    const batch = await next(db, group, 'a');
    await silence(db, 'g.a');
    const owner = await db.connect();
    await owner.query('begin');
    await finish(owner, batch);
    expect(await next(db, group, 'b', '1 minute')).toBeNull();
    await owner.query('commit');
    expect(await next(db, group, 'b', '1 minute')).toBeNull();
  });

  test('4: a heartbeat keeps a long batch, so that the dead interval may be short', async () => {
    const group = await givenMembers('d4', 'a', 'b');
    await produce(db, group, ['1']);
    const batch = await next(db, group, 'a');
    await silence(db, 'g.a');
    expect(await coopTouch(db, batch as number)).toBe(true);
    expect(await next(db, group, 'b', '1 minute')).toBeNull();
    expect(await finish(db, batch)).toBe(1);
  });

  test('5: idle members stay, and the dead batch is found among them at once', async () => {
    const group = await givenMembers('d5', 'a', 'b', 'c', 'd', 'e');
    await produce(db, group, ['1']);
    const batch = await next(db, group, 'd');
    for (const member of ['a', 'b', 'c', 'd']) await silence(db, `g.${member}`);
    const stolen = await next(db, group, 'e', '1 minute');
    expect(stolen).not.toBe(batch);
    expect(await payloads(stolen)).toEqual(['1']);
    expect((await rowsOf(db, group)).map((row) => row.consumer)).toEqual(['g', 'g.a', 'g.b', 'g.c', 'g.e']);
    await finish(db, stolen);
  });

  test('6: without a dead interval, unregistering a crashed member frees its batch and rotation', async () => {
    const group = await givenMembers('d6', 'a', 'b');
    await produce(db, group, ['1']);
    await next(db, group, 'a');
    await expect(unregister(group, 'a', 0)).rejects.toThrow('subconsumer has active batch');
    expect(await unregister(group, 'a', 1)).toBe(1);
    const batch = await next(db, group, 'b');
    expect(await payloads(batch)).toEqual(['1']);
    await finish(db, batch);
    expect((await rowsOf(db, group)).filter(({ last }) => last !== null)).toHaveLength(1);
  });

  test('7: a batch that a member finished with pgq.finish_batch is repaired by the next call of any member', async () => {
    const group = await givenMembers('d7a', 'a', 'b');
    await produce(db, group, ['1']);
    await db.query('select pgq.finish_batch($1)', [await next(db, group, 'a')]);
    await next(db, group, 'b');
    expect(await rowsOf(db, group)).toEqual([
      { consumer: 'g', last: 2, next: null, batch: null },
      { consumer: 'g.a', last: null, next: null, batch: null },
      { consumer: 'g.b', last: null, next: null, batch: null },
    ]);
  });

  test('7: the batch of an ordinary consumer is refused, and keeps its position', async () => {
    await givenQueue(db, 'd7b', { consumers: ['plain'] });
    await produce(db, { queue: 'd7b', group: '' }, ['1']);
    const batch = await scalar<number>(db, "select pgq.next_batch('d7b', 'plain')");
    await expect(finish(db, batch)).rejects.toThrow(
      `Batch ${batch} belongs to consumer plain, which is no member of a group: finish it with pgq.finish_batch.`,
    );
    await expect(coopFinish(db, batch)).rejects.toThrow('finish it with pgq.finish_batch');
    expect(await scalar(db, 'select pgq.finish_batch($1)', [batch])).toBe(1);
  });

  test('7: a batch opened on the group itself does not stop the group, and no event of it is lost', async () => {
    const group = await givenMembers('d7c', 'a');
    await produce(db, group, ['1'], ['2']);
    const direct = await scalar<number>(db, "select pgq.next_batch('d7c', 'g')");
    const batch = await next(db, group, 'a');
    expect([await payloads(direct), await payloads(batch)]).toEqual([['1'], ['2']]);
    await finish(db, batch);
    await silence(db, `g.%batch ${direct}`);
    const orphan = await next(db, group, 'a', '1 minute');
    expect(await payloads(orphan)).toEqual(['1']);
    expect(await scalar(db, 'select pgq.finish_batch($1)', [direct])).toBe(0);
    await finish(db, orphan);
    expect((await rowsOf(db, group)).map((row) => row.consumer)).toEqual(['g', 'g.a']);
  });

  test.each(['pgq.finish_batch', 'pgq_coop.finish_batch'])(
    '7: a batch opened on the group itself can be finished with %s',
    async (finishing) => {
      const group = await givenMembers(`d7d ${finishing}`, 'a');
      await produce(db, group, ['1'], ['2']);
      const direct = await scalar<number>(db, 'select pgq.next_batch($1, $2)', [group.queue, 'g']);
      await finish(db, await next(db, group, 'a'));
      expect(await scalar(db, `select ${finishing}($1)`, [direct])).toBe(1);
      expect(await next(db, group, 'a')).toBeNull();
      expect((await rowsOf(db, group)).map((row) => row.consumer)).toEqual(['g', 'g.a']);
      expect(await scalar(db, "select count(*)::int from pgq.consumer where co_name like 'g.\\%%'")).toBe(0);
    },
  );

  test('8: unregistering a member with an open batch loses nothing', async () => {
    const group = await givenMembers('d8', 'a', 'b');
    await produce(db, group, ['1'], ['2']);
    await next(db, group, 'a');
    expect(await unregister(group, 'a', 1)).toBe(1);
    expect(await unregister(group, 'a', 1)).toBe(0);
    const orphan = await next(db, group, 'b');
    expect(await payloads(orphan)).toEqual(['1']);
    await finish(db, orphan);
    expect(await payloads(await next(db, group, 'b'))).toEqual(['2']);
  });

  test('9: no two members have the same name, dots or not', async () => {
    const queue = 'd9a';
    await givenQueue(db, queue);
    expect(await register({ queue, group: 'x.y' }, 'z')).toBe(1);
    expect(await register({ queue, group: 'x' }, 'y.z')).toBe(1);
    expect(await register({ queue, group: 'x' }, 'y%2Ez')).toBe(1);
    expect((await rowsOf(db, { queue, group: '' })).map((row) => row.consumer).sort()).toEqual([
      'x',
      'x.y',
      'x.y%252Ez',
      'x.y%2Ez',
      'x.y.z',
    ]);
    await expect(register({ queue, group: 'x' }, 'y')).rejects.toThrow(
      'Queue d9a has a consumer x.y that is no member of group x: choose another name for the member.',
    );
    await produce(db, { queue, group: 'x' }, ['1']);
    await taken(db, { queue, group: 'x' }, 'y.z');
    await silence(db, 'x.y%2Ez');
    const stolen = await taken(db, { queue, group: 'x' }, 'y%2Ez', { deadAfterMs: 60_000 });
    expect(stolen.takenOverFrom).toBe('y.z');
  });

  test('9: names of unregistered members are removed, unless another queue uses them', async () => {
    const group = await givenMembers('d9b', 'gone', 'elsewhere', 'stolen', 'thief');
    await givenMembers('d9c', 'elsewhere');
    await produce(db, group, ['1']);
    await next(db, group, 'stolen');
    await silence(db, 'g.stolen');
    await finish(db, await next(db, group, 'thief', '1 minute'));
    for (const member of ['gone', 'elsewhere', 'stolen']) await unregister(group, member, 0);
    const names = await db.query<{ co_name: string }>(
      "select co_name from pgq.consumer where co_name in ('g.gone', 'g.elsewhere', 'g.stolen') order by 1",
    );
    expect(names).toEqual([{ co_name: 'g.elsewhere' }]);
  });

  test('9: first calls of many at the same moment all succeed', async () => {
    await givenQueue(db, 'd9d');
    const sessions: Connection[] = await Promise.all(Array.from({ length: 8 }, () => db.connect()));
    const answers = await Promise.all(
      sessions.flatMap((session, n) => [
        register({ queue: 'd9d', group: 'new' }, `m${n % 4}`, session),
        scalar(session, "select pgq_coop.next_batch('d9d', 'newer', $1)", [`m${n % 4}`]),
      ]),
    );
    expect(answers.filter((answer) => answer === 1)).toHaveLength(4);
    expect(
      await rowsOf(db, { queue: 'd9d', group: 'new' }).then((rows) => rows.map((row) => row.consumer)),
    ).toEqual([
      'new',
      'new.m0',
      'new.m1',
      'new.m2',
      'new.m3',
      'newer',
      'newer.m0',
      'newer.m1',
      'newer.m2',
      'newer.m3',
    ]);
    await Promise.all(sessions.map((session) => session.close()));
  });

  test('the wrappers keep upstream’s ways of answering', async () => {
    const group = { queue: 'ways', group: 'g' };
    await givenQueue(db, 'ways');
    expect([await register(group, 'a'), await register(group, 'a')]).toEqual([1, 0]);
    expect(await unregister(group, 'nobody', 0)).toBe(0);
    expect(await unregister({ queue: 'ways', group: 'no group' }, 'a', 0)).toBe(0);
    const session = await db.connect();
    expect(await warningsOf(session, async () => expect(await finish(session, 77)).toBe(0))).toEqual([
      'coop_finish_batch: batch 77 not found',
    ]);
    await produce(db, group, ['1']);
    const custom = (...values: unknown[]) =>
      scalar<number | null>(
        db,
        `select pgq_coop.next_batch_custom(${['ways', 'g', 'a'].map((s) => `'${s}'`)}, ${values
          .map((_, n) => `$${n + 1}`)
          .join(', ')})`,
        values,
      );
    const batch = await custom(null, 100, null);
    expect(await custom(null, null, null, '1 hour')).not.toBe(batch);
    expect(await scalar(db, "select pgq_coop.version() >= '3'")).toBe(true);
    expect(await take(db, group, 'b')).toBeUndefined();
  });

  test('a role that is only pgq_reader uses all of it, and nobody else does', async () => {
    const group = await givenMembers('roles', 'a');
    await produce(db, group, ['1']);
    const session = await db.connect();
    const exists = "select count(*)::int from pg_roles where rolname = 'pgq_reader'";
    expect(await scalar(db, exists)).toBe(1);
    await session.query('begin');
    await session.query('create role coop_nobody');
    await session.query('create role coop_worker in role pgq_reader');
    await session.query('set local role coop_worker');
    expect(await finish(session, await next(session, group, 'a'))).toBe(1);
    await expect(session.query("select tributary.coop_drop_group('roles', 'g')")).rejects.toThrow(
      'permission denied',
    );
    await session.query('rollback');
    const denied = await db.query<{ name: string }>(`
      select p.oid::regprocedure::text as name from pg_proc p
      where p.pronamespace in ('pgq_coop'::regnamespace, 'tributary'::regnamespace) and p.prosecdef
        and (has_function_privilege('public', p.oid, 'execute') or p.proconfig is null
             or not 'search_path=pg_catalog, pg_temp' = any (p.proconfig))`);
    expect(denied).toEqual([]);
  });
});
