// The median of what workers have counted by bucket.
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { deliveredOf } from '../../../../src/observability/metrics/median.ts';
import { Deliveries } from '../../../../src/workers/child/deliveries.ts';
import { DELIVERY_BUCKET_ENDS_MS } from '../../../../src/workers/protocol.ts';

// No time passes while it is counted.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

type Noted = Parameters<Deliveries['note']>[0];

/** Counted as a worker counts: each age is an event of its own, of a tick at this moment. */
function countsOf(ages: readonly number[]): readonly number[] {
  const deliveries = new Deliveries();
  const nowMs = 1_700_000_000_000;
  deliveries.opened({ due: [], endTimeMs: nowMs, nowMs });
  for (const age of ages)
    deliveries.note([{ row: { wasPutOff: false, time: new Date(nowMs - age) } }] as unknown as Noted);
  deliveries.committed();
  return deliveries.take()?.whole.counts ?? [];
}

test('the median lies in the bucket that the real one is in, however many hosts have counted', () => {
  const ages = fc.array(fc.integer({ min: 1, max: 1_700_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(ages, ages, (one, other) => {
      const sorted = [...one, ...other].sort((a, b) => a - b);
      const real = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
      const delivered = deliveredOf([countsOf(one), countsOf(other)]);
      expect(delivered?.events).toBe(sorted.length);
      const ms = (delivered?.medianSeconds ?? 0) * 1_000;
      const bucketOf = (value: number) => DELIVERY_BUCKET_ENDS_MS.findIndex((end) => value <= end);
      expect(bucketOf(ms)).toBe(bucketOf(real));
    }),
  );
  expect(deliveredOf([])).toBeUndefined();
  expect(deliveredOf([[0, 0]])).toBeUndefined();
});

test('a few events stand for all of those that are handled together, and what is rolled back or tried again is none', () => {
  const deliveries = new Deliveries();
  const nowMs = 1_700_000_000_000;
  deliveries.opened({ due: [], endTimeMs: nowMs - 100, nowMs });
  const events = (count: number, wasPutOff = false) =>
    Array.from({ length: count }, () => ({
      row: { wasPutOff, time: new Date(nowMs - 400) },
    })) as unknown as Noted;
  deliveries.note(events(1_999));
  deliveries.discard();
  deliveries.note(events(7, true));
  deliveries.note(events(1_000));
  deliveries.committed();
  const taken = deliveries.take();
  const sum = (counts: readonly number[] = []) => counts.reduce((total, count) => total + count, 0);
  expect(sum(taken?.whole.counts)).toBe(1_000);
  expect(taken?.toCentral.sum).toBeCloseTo(300, 6);
  expect(taken?.toHandled.sum).toBeCloseTo(100, 6);
  expect(deliveries.take()).toBeUndefined();
});

test('events that had to wait for their time count from when they were due, the others from when they were made', () => {
  const deliveries = new Deliveries();
  const nowMs = 1_700_000_000_000;
  const due = [
    { txid: '7', ids: [10, 20], timesMs: [nowMs - 3_000, nowMs - 2_000] },
    { txid: '8', ids: [15], timesMs: [nowMs - 500] },
  ];
  const dayMs = 86_400_000;
  const noted = (id: number, txid: string, ageMs: number) =>
    [{ row: { id, txid, wasPutOff: false, time: new Date(nowMs - ageMs) } }] as unknown as Noted;
  const sumOf = (...events: readonly Noted[]) => {
    deliveries.opened({ due, endTimeMs: nowMs, nowMs });
    for (const event of events) deliveries.note(event);
    deliveries.committed();
    return (deliveries.take()?.whole.sum ?? 0) * 1_000;
  };
  expect(sumOf(noted(10, '7', dayMs))).toBeCloseTo(3_000, 3);
  expect(sumOf(noted(19, '7', dayMs))).toBeCloseTo(3_000, 3);
  expect(sumOf(noted(20, '7', dayMs), noted(99, '7', dayMs))).toBeCloseTo(4_000, 3);
  expect(sumOf(noted(16, '8', dayMs))).toBeCloseTo(500, 3);
  // Of another transaction, or in front of all that is known of it.
  expect(sumOf(noted(16, '9', 100))).toBeCloseTo(100, 3);
  expect(sumOf(noted(9, '7', 200))).toBeCloseTo(200, 3);
});
