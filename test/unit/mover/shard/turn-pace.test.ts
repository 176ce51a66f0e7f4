import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TIMING } from '../../../../src/lifecycle/timing.ts';
import { TurnPace } from '../../../../src/mover/shard/turn-pace.ts';

const DELAY_MS = 50;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Takes turns that last `tookMs` each. @returns when each began, and how thorough it was. */
function turns(
  pace: TurnPace,
  { rows, tookMs, hasOpen = false }: { rows: number[]; tookMs: number; hasOpen?: boolean },
) {
  return rows.map((found) => {
    const began = Math.round(performance.now());
    const thoroughness = pace.begin();
    vi.advanceTimersByTime(tookMs);
    pace.ended({ rows: found, hasOpen });
    vi.advanceTimersByTime(pace.pauseMs);
    return { began, thoroughness };
  });
}

describe('mover/shard/turn-pace', () => {
  test('shards on which events come are asked at the same moments, wherever each began', () => {
    for (const offMs of [0, 7, 31, 49]) {
      vi.advanceTimersByTime(offMs);
      const [, ...later] = turns(new TurnPace(() => DELAY_MS), { rows: Array(20).fill(3), tookMs: 4 });
      expect(later.map(({ began }) => began % DELAY_MS)).toEqual(later.map(() => 0));
      const gaps = later.slice(1).map(({ began }, at) => began - (later[at]?.began ?? 0));
      expect(new Set(gaps)).toEqual(new Set([DELAY_MS]));
    }
  });

  test('a shard on which nothing comes is asked less and less often, down to once a second', () => {
    const began = turns(new TurnPace(() => DELAY_MS), { rows: Array(20).fill(0), tookMs: 2 }).map(
      (one) => one.began,
    );
    const gaps = began.slice(1).map((at, before) => at - (began[before] ?? 0));
    expect(gaps.slice(0, 4).every((gap, at) => gap >= (gaps[at - 1] ?? 0) / 2)).toBe(true);
    for (const gap of gaps.slice(-8)) {
      expect(gap).toBeGreaterThanOrEqual(TIMING.shard.idleMs);
      expect(gap).toBeLessThanOrEqual(TIMING.shard.idleMs * 1.2 + TIMING.shard.idleCompanyMs);
    }
  });

  test('turns that take long leave the shard a fifth of the time', () => {
    const began = turns(new TurnPace(() => DELAY_MS), { rows: Array(60).fill(5), tookMs: 390 }).map(
      (one) => one.began,
    );
    const gaps = began.slice(1).map((at, before) => at - (began[before] ?? 0));
    for (const gap of gaps.slice(-20)) {
      expect(gap).toBeGreaterThanOrEqual(450);
      expect(gap % DELAY_MS).toBe(0);
    }
  });

  test('all queues are asked exactly every second, also while events come all the time', () => {
    const taken = turns(new TurnPace(() => DELAY_MS), { rows: Array(100).fill(5), tookMs: 3 });
    const exact = taken.filter(({ thoroughness }) => thoroughness === 'exact').map(({ began }) => began);
    expect(exact.length).toBeGreaterThanOrEqual(5);
    const gaps = exact.slice(1).map((at, before) => at - (exact[before] ?? 0));
    for (const gap of gaps) expect(gap).toBeLessThanOrEqual(1_000);
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(TIMING.shard.exactMs);
  });

  test('where transactions are open and no look asks for them, every turn does', () => {
    const taken = turns(new TurnPace(() => DELAY_MS), { rows: Array(10).fill(5), tookMs: 3, hasOpen: true });
    expect(new Set(taken.map(({ thoroughness }) => thoroughness))).toEqual(new Set(['exact']));
  });
});
