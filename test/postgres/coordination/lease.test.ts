import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Beat,
  endPredecessor,
  leaseBeat,
  leaseLeave,
  type MemberFacts,
  memberHoldSql,
} from '../../../src/coordination/lease-queries.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { givenCentral } from '../../support/server/central-schema.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const TTL_MS = 10_000;

let db: TestDatabase;

beforeEach(async () => {
  db = await givenCentral();
});

interface TestMember extends MemberFacts {
  readonly connection: Connection;
}

async function givenMember(host = 'h1'): Promise<TestMember> {
  return { id: randomUUID(), kind: 'mover', host, connection: await db.connect() };
}

const beat = (member: TestMember, beat: Partial<Beat> = {}) =>
  leaseBeat(member.connection, member, {
    beat: { ttlMs: TTL_MS, wanted: [], maxNew: 99, release: [], ...beat },
    resources: [],
    timeoutMs: 5_000,
  });

const namesOf = async (answer: ReturnType<typeof beat>) =>
  (await answer).held.map(({ resource }) => resource);

/** All that the server remembers of a member happened so much earlier. */
const age = (member: MemberFacts, seconds: number) =>
  db.query(
    `update tributary.member set until = until - $2 * interval '1 second', seen_at = seen_at - $2 * interval '1 second',
       unbroken_since = unbroken_since - $2 * interval '1 second' where id = $1`,
    [member.id, seconds],
  );

/** As if it had been beating every second for long. */
const isOldHand = (member: MemberFacts) =>
  db.query("update tributary.member set unbroken_since = now() - interval '1 hour' where id = $1", [
    member.id,
  ]);

describe('tributary/lease', () => {
  test('free leases are taken at once, in order of preference, up to the limit', async () => {
    const a = await givenMember();
    const b = await givenMember();
    expect(await namesOf(beat(a, { wanted: ['s3', 's1', 's2'], maxNew: 2 }))).toEqual(['s1', 's3']);
    expect(await namesOf(beat(b, { wanted: ['s1', 's2', 's3'] }))).toEqual(['s2']);
    expect(await namesOf(beat(a, { release: ['s1', 's2'] }))).toEqual(['s3']);
    const [s1, s2] = (await beat(b, { wanted: ['s1'] })).held;
    expect(s1).toEqual({ resource: 's1', holder: b.id, epoch: 2, isNew: true, predecessor: undefined });
    expect(s2).toMatchObject({ epoch: 1, isNew: false });
  });

  test('a heartbeat renews all leases by one update of the member, and writes no row of a lease', async () => {
    const a = await givenMember();
    await beat(a, { wanted: ['s1', 's2'] });
    const rows = () => db.query('select xmin::text from tributary.term order by resource');
    const before = await rows();
    await age(a, 5);
    await beat(a);
    expect(await rows()).toEqual(before);
    const [lease] = await db.query<{ left: number }>(
      'select extract(epoch from until - clock_timestamp())::float8 as left from tributary.lease limit 1',
    );
    expect(lease?.left).toBeGreaterThan(8);
  });

  test('the lease of a silent holder is taken only by a member whose heartbeats were unbroken for a whole ttl', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await age(a, 60);
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
    await isOldHand(b);
    const [taken] = (await beat(b, { wanted: ['s1'] })).held;
    expect(taken).toMatchObject({ epoch: 2, isNew: true, predecessor: { holder: a.id } });
    expect(taken?.predecessor?.backendPid).toBe(a.connection.backendPid);
    expect((await beat(a)).held).toEqual([]);
  });

  test('a stall of central makes no lease expire: it interrupts the heartbeats of the other members as well', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await beat(b);
    await isOldHand(b);
    for (const stall of [TTL_MS / 1_000 - 1, 3_600]) {
      // Nobody could beat meanwhile; b's statement happens to be served first.
      await Promise.all([age(a, stall + 1.5), age(b, stall)]);
      expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
      expect(await namesOf(beat(a))).toEqual(['s1']);
      await isOldHand(b);
    }
  });

  test('a member that comes back too late gets what no other has taken, as new terms', async () => {
    const a = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await age(a, 60);
    expect((await beat(a)).held).toMatchObject([{ resource: 's1', epoch: 2, isNew: true }]);
    expect((await beat(a)).held).toMatchObject([{ resource: 's1', epoch: 2, isNew: false }]);
  });

  test('a clock that was set back makes no lease last for ever', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await beat(b);
    await age(a, -3_600);
    await age(b, -3_600);
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
    await isOldHand(b);
    expect(await namesOf(beat(b, { wanted: ['s1'] }))).toEqual(['s1']);
    const [member] = await db.query<{ held: number }>(
      "select count(*)::int as held from tributary.lease where is_held and until > now() + interval '11 seconds'",
    );
    expect(member?.held).toBe(0);
  });

  test('a living holder corrects the times after a clock was set back, before any other may take its leases', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await beat(b);
    await isOldHand(b);
    await age(a, -3_600);
    await age(b, -3_600);
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
    await beat(a);
    await isOldHand(b);
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
  });

  test('nothing is taken from a holder whose heartbeat is just arriving', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await beat(b);
    await age(a, 60);
    await isOldHand(b);
    await a.connection.query('begin');
    await beat(a);
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
    await a.connection.query('commit');
    expect((await beat(b, { wanted: ['s1'] })).held).toEqual([]);
  });

  test('sixteen members that start at once hold everything exactly once', async () => {
    const everybody = await Promise.all(Array.from({ length: 16 }, () => givenMember()));
    const wanted = Array.from({ length: 64 }, (_, n) => `s${n}`);
    const held = await Promise.all(
      everybody.map((member, n) =>
        beat(member, { wanted: [...wanted.slice(n * 4), ...wanted.slice(0, n * 4)], maxNew: 6 }),
      ),
    );
    expect(
      held
        .flatMap((answer) => answer.held)
        .map(({ resource }) => resource)
        .sort(),
    ).toEqual([...wanted].sort());
  });

  test('a member that leaves releases everything, and the others see it', async () => {
    const a = { ...(await givenMember('h1')), putsOff: () => ['s3'] };
    const b = await givenMember('h2');
    await beat(a, { wanted: ['s1', 's2'], details: { workers: 3 } });
    await beat(b);
    const look = () =>
      leaseBeat(b.connection, b, {
        beat: { ttlMs: TTL_MS, wanted: [], maxNew: 0, release: [] },
        resources: ['s1', 's2'],
        timeoutMs: 5_000,
      });
    expect((await look()).members.map(({ host, putsOff }) => [host, putsOff]).sort()).toEqual([
      ['h1', ['s3']],
      ['h2', []],
    ]);
    expect((await look()).holdings).toEqual([
      { resource: 's1', holder: a.id },
      { resource: 's2', holder: a.id },
    ]);
    await leaseLeave(a.connection, a.id);
    const { members, holdings } = await look();
    expect(holdings).toEqual([]);
    const silent = new Map(members.map(({ id, silentMs }) => [id, silentMs]));
    expect(silent.get(a.id)).toBeGreaterThanOrEqual(0);
    expect(silent.get(b.id)).toBeLessThan(0);
    expect(await namesOf(beat(b, { wanted: ['s1'] }))).toEqual(['s1']);
  });

  test('who held a shard before is kept: let go, left, or silent since it was last seen; the last 20 of each', async () => {
    const a = await givenMember('alpha');
    const b = await givenMember('beta');
    const past = (resource: string) =>
      db.query<{ host: string; was_let_go: boolean; ago: number; held: number }>(
        `select host, was_let_go, round(extract(epoch from clock_timestamp() - ended_at))::int as ago,
            round(extract(epoch from ended_at - taken_at))::int as held
         from tributary.past_term where resource = $1 order by epoch`,
        [resource],
      );
    await beat(a, { wanted: ['shard:s1', 'shard:s2', 'slot:orders#1'] });
    expect(await past('shard:s1')).toEqual([]);
    await beat(a, { release: ['shard:s1'] });
    await beat(b, { wanted: ['shard:s1'] });
    expect(await past('shard:s1')).toMatchObject([{ host: 'alpha', was_let_go: true, ago: 0 }]);
    expect(await past('shard:s2')).toEqual([]);
    // Silent for a minute: what it still held ended then, and not now.
    await db.query("update tributary.term set taken_at = taken_at - interval '2 minutes'");
    await age(a, 60);
    await isOldHand(b);
    await beat(b, { wanted: ['shard:s2', 'slot:orders#1'] });
    expect(await past('shard:s2')).toMatchObject([{ host: 'alpha', was_let_go: false, ago: 60, held: 60 }]);
    expect(await past('slot:orders#1')).toEqual([]);
    // Its own lease ran out, and nobody took it: two terms of the same host.
    await age(b, 60);
    await beat(b);
    expect((await past('shard:s1')).at(-1)).toMatchObject({ host: 'beta', was_let_go: false, ago: 60 });
    for (let term = 0; term < 25; term += 1) {
      await beat(b, { wanted: ['shard:s1'] });
      await beat(b, { release: ['shard:s1'] });
    }
    expect(await past('shard:s1')).toHaveLength(20);
    await leaseLeave(b.connection, b.id);
    expect((await past('shard:s2')).at(-1)).toMatchObject({ host: 'beta', was_let_go: true });
  });

  test('a taker ends the backends of its predecessor, and no others', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a, { wanted: ['s1'] });
    await beat(b);
    const copying = await db.connect();
    await copying.script(`begin; ${memberHoldSql(a.id)}; create temporary table t (x int)`);
    copying.copyIn('copy t from stdin').on('error', () => {});
    const bystander = await db.connect();
    await bystander.script(`begin; ${memberHoldSql(b.id)}`);
    await age(a, 60);
    await isOldHand(b);
    const [taken] = (await beat(b, { wanted: ['s1'] })).held;
    if (taken?.predecessor === undefined) throw new Error('nothing was taken over');
    await endPredecessor(b.connection, taken.predecessor);
    await Promise.all([a.connection.closed, copying.closed]);
    await bystander.query('commit');
    await beat(b);
  });

  test('a backend with the same pid that began later is left alone', async () => {
    const victim = await db.connect();
    const [row] = await db.query<{ ended: boolean }>(
      "select tributary.end_backend($1, now() - interval '1 day') as ended",
      [victim.backendPid],
    );
    expect(row?.ended).toBe(false);
    await victim.query('select 1');
    const [same] = await db.query<{ ended: boolean }>(
      'select tributary.end_backend(pid, backend_start) as ended from pg_stat_activity where pid = $1',
      [victim.backendPid],
    );
    expect(same?.ended).toBe(true);
    await until(() => victim.failed, { what: 'the backend to end' });
  });

  test('members that were silent for a day are deleted when a new member joins', async () => {
    const a = await givenMember();
    const b = await givenMember();
    await beat(a);
    await beat(b, { wanted: ['s1'] });
    await age(a, 90_000);
    await age(b, 90_000);
    const c = await givenMember();
    await beat(c);
    const rows = await db.query<{ id: string }>('select id::text from tributary.member');
    // b is still named by a lease.
    expect(rows.map(({ id }) => id).sort()).toEqual([b.id, c.id].sort());
  });
});
