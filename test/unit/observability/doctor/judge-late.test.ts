import { describe, expect, test } from 'vitest';
import type { Diagnosis } from '../../../../src/observability/doctor/diagnosis.ts';
import { withRates } from '../../../../src/observability/doctor/judge-late.ts';
import type { SourceLag } from '../../../../src/observability/lag/report.ts';

const late: Diagnosis = {
  ...{ cause: 'moving-late', of: 'source', names: ['s1:orders', 's2:orders'], severity: 'broken' },
  ...{ sentence: 'Late.', evidence: ['12,000 events wait'], remedy: 'Wait.' },
};
const report = {
  at: new Date(2026, 10, 30, 14, 0, 0),
  sources: ['s1', 's2', 's3'].map((shard) => ({ shard, queue: 'orders', eventsBehind: 6_000 }) as SourceLag),
};
const rates = (moved: number, arriving: number, names = late.names) => ({
  moved: new Map(names.map((name) => [name, moved])),
  arriving: new Map(names.map((name) => [name, arriving])),
});
const added = (one: Diagnosis) => one.evidence.slice(1);

describe('observability/doctor on sources that are late', () => {
  test('what is moved and what arrives, and when it is caught up', () => {
    expect(added(withRates(late, report, rates(15, 10)))).toEqual([
      '30/s moved, 20/s arrive: caught up at about 14:20',
    ]);
    for (const [moved, arriving] of [
      [10, 10],
      [10, 12],
      [10.001, 10],
    ] as const)
      expect(added(withRates(late, report, rates(moved, arriving)))[0]).toMatch(/: it gets no less$/);
  });

  test('nothing is reckoned where a rate is not known, or of another cause', () => {
    expect(withRates(late, report, rates(15, 10, ['s1:orders']))).toBe(late);
    const paused = { ...late, cause: 'paused' };
    expect(withRates(paused, report, rates(15, 10))).toBe(paused);
  });
});
