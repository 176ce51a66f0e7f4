// Which shards doctor asks itself, by what movers reported of them.
import { expect, test } from 'vitest';
import type { Shard } from '../../../../src/config/config.ts';
import { heldByReports, planVisits } from '../../../../src/observability/doctor/visits/plan.ts';
import type { RotationFacts } from '../../../../src/shards/held.ts';
import type { StoredShardReport } from '../../../../src/shards/reports.ts';

const shard = (name: string, user = 'tributary') => ({ name, user, host: 'db03', port: 5432 }) as Shard;

const report = (name: string, changes: Partial<StoredShardReport> = {}): StoredShardReport => ({
  ...{ shard: name, ageSeconds: 60, server: 'one', database: `db_${name}` },
  ...{ queues: ['orders', 'emails'], held: [] },
  ...changes,
});

const HELD = [{ queue: 'orders', hasRows: true, isHeld: true } as RotationFacts];

const plan = (
  shards: readonly Shard[],
  reports: readonly StoredShardReport[],
  known: { readonly queues?: readonly string[]; readonly captured?: string } = {},
) => {
  const { toAsk, servers } = planVisits(shards, {
    ...{ queues: ['orders', 'emails'], captured: undefined, ...known },
    reports: new Map(reports.map((one) => [one.shard, one])),
  });
  return {
    asked: toAsk.map(({ name }) => name),
    servers: servers.map((members) => members.map((one) => one.shard.name)),
  };
};

test('shards that movers have just found well are known by one of each server', () => {
  const shards = [shard('s1'), shard('s2'), shard('s3', 'other'), shard('s4')];
  const reports = [report('s1'), report('s2'), report('s3'), report('s4', { server: 'two' })];
  expect(plan(shards, reports)).toEqual({ asked: [], servers: [['s1', 's2'], ['s3'], ['s4']] });
});

test('what no mover has seen lately, or not whole, or not well, is asked', () => {
  const shards = [shard('s1'), shard('s2'), shard('s3'), shard('s4'), shard('s5'), shard('s6')];
  const reports = [
    report('s1'),
    report('s2', { ageSeconds: 151 }),
    // Central's clock was set back.
    report('s3', { ageSeconds: -1 }),
    report('s4', { queues: ['orders'] }),
    report('s5', { held: HELD }),
  ];
  expect(plan(shards, reports)).toEqual({ asked: ['s2', 's3', 's4', 's5', 's6'], servers: [['s1']] });
});

test('where the file captures tables, those shards are asked of which no mover with the same captures found all of them captured', () => {
  const shards = [shard('s1'), shard('s2'), shard('s3')];
  const reports = [report('s1', { captured: 'a' }), report('s2', { captured: 'b' }), report('s3')];
  expect(plan(shards, reports, { captured: 'a' })).toEqual({ asked: ['s2', 's3'], servers: [['s1']] });
});

test('without asking, queues that are held are those of fresh reports', () => {
  const all = [report('s1'), report('s2', { held: HELD }), report('s3', { held: HELD, ageSeconds: 500 })];
  const found = heldByReports(
    [shard('s1'), shard('s2'), shard('s3')],
    new Map(all.map((one) => [one.shard, one])),
  );
  expect(found).toMatchObject([
    { name: 's2', server: 'db03:5432', identity: 'one', rotation: HELD, sessions: { usable: 0 } },
  ]);
});
