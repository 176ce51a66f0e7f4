// What databases said of sessions and rotation: one diagnosis for one session, one consumer, one server.
import { describe, expect, test } from 'vitest';
import { diagnosis } from '../../../../src/observability/doctor/causes.ts';
import { type Diagnosis, worstFirst } from '../../../../src/observability/doctor/diagnosis.ts';
import type {
  CopyStanding,
  DatabaseHealth,
  SessionFacts,
  SessionsFacts,
} from '../../../../src/observability/doctor/facts.ts';
import { databaseDiagnoses } from '../../../../src/observability/doctor/judge-databases.ts';
import { clockDiagnoses, healthDiagnoses } from '../../../../src/observability/doctor/judge-health.ts';
import type { ScheduleStanding } from '../../../../src/schedules/standing.ts';
import type { RotationFacts } from '../../../../src/shards/held.ts';

const session = (changes: Partial<SessionFacts> = {}): SessionFacts => ({
  pid: 4711,
  user: 'app',
  application: 'nightly',
  client: '10.0.0.3',
  database: 's1',
  state: 'idle in transaction',
  writes: true,
  ageSeconds: 7_500,
  queryAgeSeconds: 7_200,
  query: "update account set iban = 'DE02 1234' where id = 815",
  ...changes,
});

const rotation = (changes: Partial<RotationFacts> = {}): RotationFacts => ({
  queue: 'orders',
  switchedSeconds: 3_600,
  periodSeconds: 7_200,
  isHalfDone: false,
  hasRows: true,
  bytes: 3 * 1_073_741_824,
  bytesAnHour: 300 * 1_048_576,
  consumer: 'tributary_shop_0a1b2c3d',
  consumerAgeSeconds: 5,
  isBehind: false,
  isHeld: false,
  users: [],
  inPerSecond: 10,
  ...changes,
});

/** Held for three hours longer than its period. */
const overdue = { switchedSeconds: 18_000, isHeld: true };

const database = (
  name: string,
  sessions: Partial<SessionsFacts> = {},
  queues: readonly RotationFacts[] = [rotation()],
): DatabaseHealth => ({
  name,
  server: 'db03:5432',
  identity: 'one',
  sessions: {
    ...{
      clockAheadMs: 0,
      clockWithinMs: 5,
      seesAll: true,
      database: name,
      role: 'tributary',
      directory: undefined,
      used: 12,
      usable: 97,
    },
    ...{ holders: [], prepared: [], slots: [], standbys: [], blocked: [], lockers: [], lockedIn: [] },
    ...sessions,
  },
  rotation: queues,
});

const look = (
  databases: readonly DatabaseHealth[],
  { known = [], freeBytes }: { known?: readonly Diagnosis[]; freeBytes?: number } = {},
) =>
  databaseDiagnoses(databases, {
    ...{ known, config: { name: 'shop' } },
    ...(freeBytes !== undefined && { disks: new Map([['db03:5432', { freeBytes }]]) }),
  });

describe('observability/doctor on sessions', () => {
  test('short transactions, rotation that is due soon, and full tables that are not old are no word worth', () => {
    const short = session({ ageSeconds: 599 });
    expect(look([database('s1', { holders: [short] })])).toEqual([]);
    expect(look([database('s1', {}, [rotation({ switchedSeconds: 8_000, isHeld: true })])])).toEqual([]);
    expect(look([database('s1', {}, [rotation({ ...overdue, hasRows: false })])])).toEqual([]);
    expect(look([database('s1', {}, [rotation({ ...overdue, isHeld: false })])])).toEqual([]);
    expect(look([database('s1', {}, [rotation({ ...overdue, periodSeconds: null })])])).toEqual([]);
  });

  test('a long transaction that writes concerns all shards of its server, once; values of its statement are not shown', () => {
    const holders = [session()];
    const other = [session({ database: 'other' })];
    expect(look([database('s1', { holders }), database('s2', { holders: other })])).toEqual([
      {
        ...{ cause: 'long-transaction', of: 'shard', severity: 'risk', names: ['s1', 's2'] },
        sentence:
          'A transaction on db03:5432 has been open for 2 h 5 m: pid 4711, user app, application nightly, from 10.0.0.3, database s1.',
        evidence: [
          'idle in transaction, its last statement began 2 h ago: update account set iban = … where id = …',
        ],
        remedy: 'Let it end, or end it.',
        command: 'psql -h db03 -p 5432 -d s1 -c "select pg_terminate_backend(4711)"',
      },
    ]);
  });

  test('one that only reads concerns its own database, and none of ours where it is in another', () => {
    const reads = { writes: false };
    expect(
      look([database('s1', { holders: [session(reads)] }), database('s2', { holders: [session(reads)] })]),
    ).toMatchObject([{ names: ['s1'] }]);
    expect(look([database('s2', { holders: [session(reads)] })])).toEqual([]);
  });

  test('one that keeps a queue from rotating is told sooner, with the queues', () => {
    const holders = [session({ ageSeconds: 61 })];
    const found = look([database('s1', { holders }, [rotation(overdue)])]);
    expect(found).toMatchObject([
      { cause: 'long-transaction', evidence: [expect.any(String), 'holds back the rotation of s1:orders'] },
    ]);
    expect(look([database('s1', { seesAll: false }, [rotation(overdue)])])).toMatchObject([
      {
        cause: 'rotation-pinned',
        sentence:
          'On db03:5432 queue s1:orders cannot rotate: a transaction is older than the last rotation, which role tributary may not see (`grant pg_read_all_stats to tributary`).',
      },
    ]);
  });

  test('prepared transactions, slots and standbys', () => {
    const prepared = [{ gid: "it's", owner: 'app', database: 's1', ageSeconds: 700 }];
    const slots = [
      { name: 'old', type: 'physical', isActive: false, database: null, transactions: 2e6, walBytes: 5e9 },
      { name: 'well', type: 'physical', isActive: true, database: null, transactions: 5, walBytes: 5e9 },
      { name: 'lost', type: 'logical', isActive: false, database: 's1', transactions: null, walBytes: 2e9 },
    ];
    const standbys = [{ application: 'reports', client: '10.0.0.9', transactions: 3e6 }];
    const found = look([database('s1', { prepared, slots, standbys })]);
    expect(found.map(({ cause, command }) => [cause, command])).toEqual([
      ['prepared-transaction', `psql -h db03 -p 5432 -d s1 -c "rollback prepared 'it''s'"`],
      ['replication-slot', expect.stringContaining("slot_name = 'old'")],
      ['replication-slot', expect.stringContaining("slot_name = 'lost'")],
      ['standby-feedback', expect.stringContaining('pg_stat_replication')],
    ]);
    expect(found[1]?.evidence).toEqual(['holds what is 2,000,000 transactions old', '4.7 GB of WAL kept']);
  });

  test('a lock that ours wait for, and a server without connections', () => {
    const blocked = [
      { pid: 1, application: 'tributary mover shop', database: 's1', ageSeconds: 40, by: session() },
      { pid: 2, application: 'tributary mover shop', database: 'other', ageSeconds: 40, by: session() },
    ];
    expect(look([database('s1', { blocked, used: 88 })])).toMatchObject([
      {
        ...{ cause: 'lock-held', severity: 'broken', names: ['s1'] },
        sentence:
          '`tributary mover shop` has waited for 40 s for a lock in shard s1, which another session holds: pid 4711, user app, application nightly, from 10.0.0.3, database s1.',
      },
      { cause: 'connections-near', sentence: '88 of the 97 connections of db03:5432 are in use.' },
    ]);
    expect(look([database('s1', { used: 87 })])).toEqual([]);
  });
});

describe('observability/doctor on rotation', () => {
  const foreign = rotation({ ...overdue, consumer: 'audit', consumerAgeSeconds: 20_000, isBehind: true });

  test('a consumer that stands is named once, with what is held, how it grows, and when a disk that is known is full', () => {
    const both = [database('s1', {}, [foreign]), database('s2', {}, [foreign])];
    expect(look(both)).toMatchObject([
      {
        ...{ cause: 'rotation-pinned', severity: 'risk', names: ['s1:orders', 's2:orders'] },
        sentence: 'On db03:5432 2 queues cannot rotate: consumer audit stands 5 h 33 m back.',
        evidence: ['6 GB held, about 600 MB more an hour', 'how large its disk is, SQL does not tell'],
      },
    ]);
    expect(look(both, { freeBytes: 1_800 * 1_048_576 })[0]?.evidence).toEqual([
      '6 GB held, about 600 MB more an hour',
      'disk full in about 3 h (1.8 GB free)',
    ]);
  });

  test('our own one that stands because its source does is evidence there, and else told', () => {
    const ours = rotation({ ...overdue, consumerAgeSeconds: 20_000, isBehind: true });
    const known: Diagnosis = {
      ...{ cause: 'paused', of: 'source', names: ['s1:orders'], severity: 'broken' },
      ...{ sentence: 'Paused.', evidence: ['3 events wait'], remedy: 'Let it go on.' },
    };
    expect(look([database('s1', {}, [ours])], { known: [known] })).toEqual([
      {
        ...known,
        evidence: [
          ...known.evidence,
          '3 GB held, about 300 MB more an hour',
          'how large its disk is, SQL does not tell',
        ],
      },
    ]);
    expect(look([database('s1', {}, [ours])])).toMatchObject([{ cause: 'rotation-pinned' }]);
  });

  test('a group of a central queue that holds rotation is evidence where that group is named, and nowhere else', () => {
    const held = rotation({
      ...{ ...overdue, consumerAgeSeconds: 20_000, isBehind: true },
      consumer: 'workers_shop/search.orders/search#1',
    });
    const left = (name: string): Diagnosis =>
      diagnosis('group-left', [name], { severity: 'risk', sentence: 'It is left.' });
    expect(look([database('central', {}, [held])], { known: [left('orders/search')] })).toMatchObject([
      { cause: 'group-left', evidence: ['3 GB held, about 300 MB more an hour', expect.any(String)] },
    ]);
    expect(look([database('central', {}, [held])], { known: [left('orders/billing')] })).toMatchObject([
      { cause: 'group-left', evidence: [] },
      { cause: 'rotation-pinned', sentence: expect.stringMatching(/workers_shop\/search/) },
    ]);
  });

  test('a queue that gets no events any more, whose consumers have all there is, needs no rotation', () => {
    const idle = rotation({ ...overdue, consumerAgeSeconds: 20_000 });
    expect(look([database('s1', {}, [idle])])).toEqual([]);
  });

  test('sessions that use the table that is next', () => {
    expect(
      look([database('s1', {}, [rotation({ ...overdue, isHeld: false, users: [12, 13] })])]),
    ).toMatchObject([
      {
        sentence:
          'On db03:5432 queue s1:orders cannot rotate: sessions use the table that is next (pid 12, 13).',
      },
    ]);
  });
});

describe('observability/doctor on our processes', () => {
  const member = { host: 'db01', kind: 'mover', version: '1.2.0', memory: undefined, commits: {} } as const;
  const health = (members: Parameters<typeof healthDiagnoses>[0]['members'], dead = 0) =>
    healthDiagnoses(
      {
        members,
        dead: dead === 0 ? [] : [{ queue: 'orders', events: dead, error: 'boom', origin: 's1:orders:7' }],
        schedules: [],
        copies: [],
      },
      [],
    );

  test('a copy is worth a word where none of its tables got on for a minute, with what stands still, since when, and why', () => {
    const copy: CopyStanding = {
      ...{ queue: 'changes', shard: 's1', source: 'public.orders', applied: 'merged.orders' },
      ...{ state: 'copying', rows: 2_000, seconds: 90, nowMs: Date.UTC(2026, 2, 1, 12), trouble: undefined },
      ...{ isAtWork: false, waitsFor: undefined },
    };
    const look = (...copies: Partial<CopyStanding>[]) =>
      healthDiagnoses(
        { members: [], dead: [], schedules: [], copies: copies.map((one) => ({ ...copy, ...one })) },
        [],
      );
    expect(look()).toEqual([]);
    // Those that wait for their turn do so while another one gets on.
    expect(look({ seconds: 59 }, { shard: 's2' })).toEqual([]);
    const [stopped] = look({});
    expect(stopped).toMatchObject({
      ...{ cause: 'copy-stopped', of: 'queue', names: ['changes'], severity: 'broken' },
      sentence:
        'Queue changes: the copy of public.orders of shard s1 has stood still for 1 m 30 s, since 2026-03-01T11:58:30.000Z.',
      evidence: ['public.orders of shard s1, 2,000 rows in merged.orders: the command that copied has ended'],
      command: 'tributary apply copy changes',
    });
    const waiting = { isAtWork: true, waitsFor: '12 (psql)' };
    const [two, repair] = look(
      { trouble: 'No such column.' },
      { shard: 's2', ...waiting },
      { state: 'repairing' },
    );
    expect(two?.sentence).toMatch(/the copy of 2 tables has stood still for 1 m 30 s/);
    expect(two?.evidence.map((one) => one.split(': ')[1])).toEqual([
      'No such column.',
      'the command that copies waits for session 12 (psql)',
    ]);
    expect(repair).toMatchObject({ command: 'tributary compare changes --repair' });
  });

  test('a schedule is worth a word where it was due a minute ago, or somebody paused it', () => {
    const nightly = {
      ...{ name: 'nightly', queue: 'reports', overdueSeconds: undefined, paused: undefined },
      ...{ lastMs: undefined, nextMs: undefined, sent: 0, passedOver: 0 },
    };
    const look = (changes: Partial<ScheduleStanding>) =>
      healthDiagnoses({ members: [], dead: [], schedules: [{ ...nightly, ...changes }], copies: [] }, []);
    expect(look({})).toEqual([]);
    expect(look({ overdueSeconds: 59 })).toEqual([]);
    const late = look({ overdueSeconds: 121 });
    expect(late).toMatchObject([
      {
        ...{ cause: 'schedule-late', of: 'queue', names: ['reports'], severity: 'broken' },
        sentence: 'Schedule nightly was due 2 m 1 s ago, and queue reports has not got its event.',
        command: 'tributary schedule list',
      },
    ]);
    // Nothing is due while it is paused.
    expect(look({ overdueSeconds: 121, paused: { by: 'ann@db01', seconds: 7_200 } })).toMatchObject([
      {
        ...{ cause: 'schedule-paused', severity: 'risk' },
        sentence: 'Schedule nightly has been paused for 2 h by ann@db01: queue reports gets nothing from it.',
        command: 'tributary schedule resume nightly',
      },
    ]);
    const upkeep = diagnosis('no-upkeep', ['central'], { severity: 'broken', sentence: 'No upkeep.' });
    expect(worstFirst([...late, upkeep])).toEqual([{ ...upkeep, evidence: [late[0]?.sentence] }]);
  });

  test('memory, slow commits, versions and deaths, each from where it is worth a word', () => {
    expect(
      health(
        [
          { ...member, memory: { used: 10, limit: 10, waitingSeconds: 29 } },
          { ...member, host: 'db02' },
        ],
        4,
      ),
    ).toEqual([]);
    expect(health([{ ...member, commits: { orders: { ms: 2_000, count: 2 } } }])).toEqual([]);
    const found = health(
      [
        {
          ...member,
          memory: { used: 200 * 1_048_576, limit: 208 * 1_048_576, waitingSeconds: 95 },
          commits: { orders: { ms: 2_140, count: 20 }, emails: { ms: 30, count: 99 } },
        },
        { ...member, host: 'db02', version: '1.10.0' },
      ],
      12,
    );
    expect(found.map(({ sentence }) => sentence)).toEqual([
      'The mover on db01 has read as much as its memory holds, and shards have waited for room for 1 m 35 s.',
      'Central is slow: a commit into orders takes 2.1 s.',
      'Hosts run different versions: 1.2.0 on db01; 1.10.0 on db02.',
      'Queue orders: 12 events died within 10 m.',
    ]);
    expect(found[3]?.evidence).toEqual(['the last one, s1:orders:7: boom']);
  });

  test('clocks are compared with central’s, and not with this machine’s', () => {
    const shards = [database('s1', { clockAheadMs: -70_000 }), database('s2', { clockAheadMs: -70_000 })];
    expect(clockDiagnoses(database('central', { clockAheadMs: -68_000 }), shards)).toEqual([]);
    expect(clockDiagnoses(database('central'), shards)).toMatchObject([
      { names: ['s1', 's2'], sentence: "The clock of db03:5432 is 1 m 10 s behind central's." },
    ]);
    // Its answer was under way for so long that nothing is known.
    expect(
      clockDiagnoses(database('central'), [database('s1', { clockAheadMs: 9_000, clockWithinMs: 4_500 })]),
    ).toEqual([]);
    const clock = (ahead_ms: number, within_ms = 3) => ({ clock: { ahead_ms, within_ms } });
    expect(health([{ ...member, ...clock(4_900) }])).toEqual([]);
    expect(health([{ ...member, ...clock(-6_000, 1_100) }])).toEqual([]);
    const workers = { ...member, kind: 'work' } as const;
    expect(
      health([
        { ...member, ...clock(-6_000) },
        { ...workers, ...clock(-6_000) },
      ]),
    ).toMatchObject([
      { of: 'host', names: ['db01'], sentence: "The clock of host db01 is 6 s behind central's." },
    ]);
  });
});
