import { describe, expect, test } from 'vitest';
import { wornOut } from '../../../../src/workers/primary/slot/recycling.ts';

const YOUNG = { batches: 0, ageMs: 1_000, rssBytes: 100 * 2 ** 20 };

describe('workers/recycling', () => {
  test('without limits a process goes on for ever', () => {
    expect(wornOut({ batches: 1e9, ageMs: 1e12, rssBytes: 1e12 }, {}, 0)).toBeUndefined();
  });

  test('each limit says why', () => {
    expect(wornOut({ ...YOUNG, batches: 10 }, { afterBatches: 10 }, 0)).toBe('after 10 batches');
    expect(wornOut({ ...YOUNG, ageMs: 3_600_000 }, { ageMs: 3_600_000 }, 0)).toBe('after 1h');
    expect(
      wornOut({ ...YOUNG, ageMs: 10_000, rssBytes: 600 * 2 ** 20 }, { memoryBytes: 512 * 2 ** 20 }, 0),
    ).toBe('because it holds 600MB');
  });

  test('processes that began together end up to a tenth of the age apart', () => {
    const limits = { ageMs: 1_000_000 };
    expect(wornOut({ ...YOUNG, ageMs: 950_000 }, limits, 0.6)).toBeDefined();
    expect(wornOut({ ...YOUNG, ageMs: 950_000 }, limits, 0.4)).toBeUndefined();
  });

  test('memory that is not known, or of a process that only began, says nothing', () => {
    const limits = { memoryBytes: 128 * 2 ** 20 };
    expect(wornOut({ ...YOUNG, rssBytes: 2 ** 30 }, limits, 0)).toBeUndefined();
    expect(wornOut({ batches: 5, ageMs: 60_000, rssBytes: undefined }, limits, 0)).toBeUndefined();
  });
});
