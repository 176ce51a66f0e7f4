import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nicenessOf } from '../../../../src/workers/primary/niceness.ts';

const share = (queue: string, weight: number, workers: number) => ({ queue, weight, workers });
const of = (...shares: ReturnType<typeof share>[]) => Object.fromEntries(nicenessOf(shares));

describe('workers/niceness', () => {
  test('with equal weights and numbers of workers no process is nicer', () => {
    expect(of(share('a', 1, 3), share('b', 1, 3))).toEqual({ a: 0, b: 0 });
  });

  test('a queue’s weight is shared by its workers', () => {
    expect(of(share('busy', 1, 8), share('quiet', 1, 1))).toEqual({ busy: 9, quiet: 0 });
    expect(of(share('busy', 8, 8), share('quiet', 1, 1))).toEqual({ busy: 0, quiet: 0 });
  });

  test('three times the weight is about three times the time', () => {
    const { low } = of(share('high', 3, 2), share('low', 1, 2)) as { low: number };
    expect(1.25 ** low).toBeGreaterThan(2.7);
    expect(1.25 ** low).toBeLessThan(3.4);
  });

  test('queues without workers here count for nothing', () => {
    expect(of(share('gone', 1_000, 0), share('a', 1, 1))).toEqual({ a: 0 });
    expect(of(share('gone', 1, 0))).toEqual({});
  });

  test('whatever the weights, one queue has niceness 0, and none more than is possible', () => {
    const shares = fc.array(fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 50 })), {
      minLength: 1,
      maxLength: 10,
    });
    fc.assert(
      fc.property(shares, (given) => {
        const values = [
          ...nicenessOf(given.map(([weight, workers], at) => share(`q${at}`, weight, workers))).values(),
        ];
        expect(Math.min(...values)).toBe(0);
        expect(Math.max(...values)).toBeLessThanOrEqual(19);
      }),
    );
  });
});
