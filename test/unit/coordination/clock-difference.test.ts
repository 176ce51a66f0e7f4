import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withClock } from '../../../src/coordination/clock-difference.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A question from `beganMs` to `endedMs` by our clock, at which it was `centralMs` on central. */
async function clockOf(asked: { beganMs: number; endedMs: number; centralMs: number }) {
  vi.setSystemTime(asked.beganMs);
  const { answer, clock } = await withClock(async () => {
    vi.setSystemTime(asked.endedMs);
    return { centralMs: asked.centralMs, name: 'the answer' };
  });
  expect(answer.name).toBe('the answer');
  return clock;
}

test('the difference is taken at the middle of the question, and is as exact as that was short', async () => {
  expect(await clockOf({ beganMs: 1_000, endedMs: 1_011, centralMs: 905 })).toEqual({
    ahead_ms: 101,
    within_ms: 6,
  });
  expect((await clockOf({ beganMs: 1_000, endedMs: 1_000, centralMs: 9_000 }))?.ahead_ms).toBe(-8_000);
});

test('a question that took long, or during which the clock was set, tells nothing', async () => {
  expect(await clockOf({ beganMs: 0, endedMs: 4_001, centralMs: 2_000 })).toBeUndefined();
  expect(await clockOf({ beganMs: 1_000, endedMs: 400, centralMs: 700 })).toBeUndefined();
  expect(await clockOf({ beganMs: 0, endedMs: 10, centralMs: Number.NaN })).toBeUndefined();
});
