import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RoundClock } from '../../../../src/mover/shard/round-clock.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** A round that takes this long. */
async function round(clock: RoundClock, ms: number): Promise<number> {
  let took = Number.NaN;
  await clock.time(
    async () => void vi.advanceTimersByTime(ms),
    (spent) => {
      took = spent;
    },
  );
  return took;
}

/** Whether a round is overdue after this long. */
async function isOverdueAfter(clock: RoundClock, ms: number): Promise<boolean> {
  let isOverdue = false;
  const failing = clock.time(
    async () => {
      vi.advanceTimersByTime(ms);
      isOverdue = clock.isOverdue(performance.now());
      throw new Error('given up');
    },
    () => {},
  );
  await expect(failing).rejects.toThrow('given up');
  return isOverdue;
}

test('a shard that has not answered for a second is overdue; between rounds none is', async () => {
  const clock = new RoundClock();
  expect(await round(clock, 20)).toBe(20);
  expect(await isOverdueAfter(clock, 800)).toBe(false);
  expect(await isOverdueAfter(clock, 1_000)).toBe(true);
  vi.advanceTimersByTime(60_000);
  expect(clock.isOverdue(performance.now())).toBe(false);
});

test('a shard that is far away may take several times its usual time', async () => {
  const clock = new RoundClock();
  for (let n = 0; n < 50; n += 1) await round(clock, 2_000);
  expect(await isOverdueAfter(clock, 6_000)).toBe(false);
  expect(await isOverdueAfter(clock, 11_000)).toBe(true);
  // A freeze is not its usual time.
  const near = new RoundClock();
  await round(near, 60_000);
  for (let n = 0; n < 20; n += 1) await round(near, 10);
  expect(await isOverdueAfter(near, 1_000)).toBe(true);
});

test('a shard that sends no byte of a COPY is overdue; what we do with those that came is not its time', () => {
  const clock = new RoundClock();
  const isOverdueAfter = (ms: number) => {
    vi.advanceTimersByTime(ms);
    return clock.isOverdue(performance.now());
  };
  clock.awaitsBytes();
  expect(isOverdueAfter(1_400)).toBe(false);
  expect(isOverdueAfter(200)).toBe(true);
  clock.gotBytes({ isFirst: true });
  expect(isOverdueAfter(60_000)).toBe(false);
  clock.awaitsBytes();
  expect(isOverdueAfter(1_600)).toBe(true);
  clock.gotBytes();
  expect(clock.isOverdue(performance.now())).toBe(false);
});

test('a shard that always has to sort for long before the first byte may take several times as long', () => {
  const clock = new RoundClock();
  const copy = (ms: number) => {
    clock.awaitsBytes();
    vi.advanceTimersByTime(ms);
    const isOverdue = clock.isOverdue(performance.now());
    clock.gotBytes({ isFirst: true });
    // The bytes behind the first come at once.
    clock.awaitsBytes();
    clock.gotBytes({ isFirst: false });
    return isOverdue;
  };
  expect(copy(2_000)).toBe(true);
  for (let n = 0; n < 50; n += 1) copy(2_000);
  expect(copy(6_000)).toBe(false);
  expect(copy(12_000)).toBe(true);
});
