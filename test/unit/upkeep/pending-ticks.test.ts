import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PendingTicks } from '../../../src/upkeep/pending-ticks.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

describe('upkeep/pending-ticks', () => {
  test('a queue is asked for at most every 20 ms, until a tick covers its newest transaction', async () => {
    const pending = new PendingTicks();
    const asked: unknown[] = [];
    const ask = (isCovered: boolean) =>
      pending.ask(async (queue, xid) => {
        asked.push([queue, xid]);
        return isCovered;
      });
    expect([pending.isEmpty, pending.dueInMs]).toEqual([true, undefined]);

    pending.committed('orders', 7);
    expect(pending.dueInMs).toBe(0);
    await ask(false);
    expect(pending.dueInMs).toBe(20);
    vi.advanceTimersByTime(5);
    pending.committed('emails', 8);
    expect(pending.dueInMs).toBe(0);
    await ask(true);
    expect(pending.dueInMs).toBe(15);
    vi.advanceTimersByTime(15);
    pending.committed('orders', 9);
    await ask(true);

    expect(asked).toEqual([
      ['orders', 7],
      ['emails', 8],
      ['orders', 9],
    ]);
    expect(pending.isEmpty).toBe(true);
    // What comes at once waits for its turn.
    pending.committed('orders', 10);
    expect(pending.dueInMs).toBe(20);
  });
});
