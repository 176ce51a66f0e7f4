import { describe, expect, test } from 'vitest';
import type { Diagnosis } from '../../../../src/observability/doctor/diagnosis.ts';
import { perhapsFlooding, withFlood } from '../../../../src/observability/doctor/judge-late.ts';
import type { SourceLag } from '../../../../src/observability/lag/report.ts';

const about = (cause: string, names: readonly string[]): Diagnosis => ({
  ...{
    cause,
    of: 'queue',
    names,
    severity: 'broken',
    sentence: 'Late.',
    evidence: ['12,000 events wait'],
    remedy: 'Wait.',
  },
});
const source = (shard: string, queue: string, eventsBehind: number, moved: number) =>
  ({ shard, queue, centralQueue: queue, eventsBehind, moved }) as SourceLag;
const report = {
  sources: [
    source('s1', 'orders', 5, 10),
    source('s2', 'orders', 99_000, 900_000),
    source('s3', 'orders', 995, 20),
    source('s3', 'emails', 0, 5),
  ],
};
const added = (one: Diagnosis, moved: readonly (readonly [string, number])[] = []) =>
  withFlood(one, report, new Map(moved)).evidence.slice(1);

describe('observability/doctor on shards that flood', () => {
  test('a shard that brings or keeps most of what a queue gets is named, for a queue, a group, and sources that wait', () => {
    const waits = '99 % of about 100,000 events that wait on shards for orders are of s2';
    const moved = [
      ['s1:orders', 100],
      ['s2:orders', 900],
    ] as const;
    for (const one of [
      about('too-few-workers', ['orders']),
      about('handler-slow', ['orders/billing']),
      about('backlog-limit', ['s2:orders']),
    ])
      expect(added(one, moved)).toEqual(['s2 brought 90 % of what came into orders lately', waits]);
    expect(
      added(about('catching-up', ['orders']), [
        ['s1:orders', 500],
        ['s2:orders', 500],
      ]),
    ).toEqual([waits]);
  });

  test('nothing is said where none has most, of a queue with one shard, or of another cause', () => {
    const { length } = added(about('paused', ['s2:orders']), [['s2:orders', 900]]);
    expect(length).toBe(0);
    expect(added(about('too-few-workers', ['emails']), [['s3:emails', 900]])).toEqual([]);
    expect(perhapsFlooding([about('paused', ['s2:orders'])], report)).toEqual([]);
    expect(perhapsFlooding([about('too-few-workers', ['orders'])], report)).toEqual([
      's2:orders',
      's3:orders',
      's1:orders',
    ]);
  });
});
