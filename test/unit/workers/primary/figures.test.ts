import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TIMING } from '../../../../src/lifecycle/timing.ts';
import { BatchProgress } from '../../../../src/workers/child/tries/batch-progress.ts';
import { RecentTries } from '../../../../src/workers/child/tries/recent-tries.ts';
import { figuresOf } from '../../../../src/workers/primary/slot/figures.ts';
import { Standing } from '../../../../src/workers/primary/slot/standing.ts';
import { Throughput } from '../../../../src/workers/primary/slot/throughput.ts';

describe('workers/child/tries/recent-tries', () => {
  test('reported counts cover the last 400 events and at most five minutes', () => {
    const tries = fc.array(fc.record({ events: fc.nat(900), isBad: fc.boolean(), afterMs: fc.nat(100_000) }));
    fc.assert(
      fc.property(tries, (all) => {
        const recent = new RecentTries();
        let nowMs = 0;
        /** One entry for an event: when, and whether it failed. */
        const model: { atMs: number; isBad: boolean }[] = [];
        for (const { events, isBad, afterMs } of all) {
          nowMs += afterMs;
          const count = isBad ? 1 : events;
          if (isBad) recent.failed('no', nowMs);
          else recent.done(events, nowMs);
          model.push(...Array.from({ length: count }, () => ({ atMs: nowMs, isBad })));
        }
        const last = model.slice(-400).filter(({ atMs }) => nowMs - atMs < 300_000);
        const failed = last.filter(({ isBad }) => isBad).length;
        expect(recent.figures(nowMs)).toEqual({
          tried: last.length,
          failed,
          ...(failed > 0 && { error: 'no' }),
        });
      }),
    );
  });
});

describe('workers/child/tries/batch-progress', () => {
  const ids = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, at) => ({ id: from + at }));

  test('an event that is called again counts once, and an estimate that is passed is none', () => {
    const progress = new BatchProgress();
    progress.opened();
    progress.estimated(30);
    progress.called(ids(1, 10));
    progress.called(ids(3, 9));
    expect(progress.figures).toEqual({ done: 10, events: 30 });
    progress.passed(20);
    expect(progress.figures).toEqual({ done: 20, events: 30 });
    progress.called(ids(21, 32));
    expect(progress.figures).toEqual({ done: 32 });
    progress.again(5);
    progress.called(ids(6, 10));
    expect(progress.figures).toEqual({ done: 10, events: 30 });
  });
});

describe('workers/primary/slot/standing', () => {
  const troubled = { type: 'troubled', sentence: 'Central cannot be reached.' } as const;

  test('what happens once is no trouble; what happens again is, until an event succeeds', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const standing = new Standing('orders#1');
    standing.note({ type: 'gaveUp', token: 7, sentence: 'Batch 7: no.' });
    standing.note(troubled);
    expect(standing.trouble).toBeUndefined();
    standing.note({ type: 'ready' });
    standing.note({ type: 'gaveUp', token: 8, sentence: 'Batch 8: no.' });
    standing.note(troubled);
    expect(standing.trouble).toBe('Batch 8: no.');
    standing.note({ type: 'advanced' });
    expect(standing.trouble).toBeUndefined();
    for (const _ of [1, 2, 3]) standing.ended('exit code 1');
    expect(standing.trouble).toBe('orders#1 died (exit code 1), 3 times in a row.');
    // It lives, and nothing waits for it; with the next batch nothing has succeeded still.
    standing.note({ type: 'idle' });
    expect(standing.trouble).toBe('orders#1 died (exit code 1), 3 times in a row.');
    vi.advanceTimersByTime(TIMING.slots.wellAfterMs);
    expect(standing.trouble).toBeUndefined();
    standing.note({ type: 'opened', token: 9, openings: 1 });
    expect(standing.trouble).toBe('orders#1 died (exit code 1), 3 times in a row.');
    standing.note({ type: 'idle' });
    standing.ended('exit code 1');
    expect(standing.trouble).toBe('orders#1 died (exit code 1), 4 times in a row.');
    standing.note({ type: 'finished', token: 9, events: 1, putOff: 0, dead: 0, isIdle: false });
    expect(standing.trouble).toBeUndefined();
    for (const _ of [1, 2, 3]) standing.ended(undefined);
    expect(standing.trouble).toBeUndefined();
  });
});

describe('workers/primary/slot/throughput', () => {
  test('an event counts once, however often its batch is begun, and no rate is shown too early', () => {
    const throughput = new Throughput();
    throughput.sample(0);
    throughput.opened();
    throughput.reached(100);
    throughput.reached(40);
    throughput.reached(120);
    expect(throughput.perSecond(9_999)).toBeUndefined();
    expect(throughput.perSecond(10_000)).toBe(12);
    throughput.opened();
    throughput.reached(80);
    expect(throughput.perSecond(20_000)).toBe(10);
  });

  test('the rate is that of the last minute, whether events come steadily or not', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { minLength: 75, maxLength: 200 }), (all) => {
        const throughput = new Throughput();
        for (const [at, events] of all.entries()) {
          throughput.opened();
          throughput.reached(events);
          throughput.sample(at * 1_000);
        }
        const lastMinute = all.slice(-60).reduce((sum, events) => sum + events, 0);
        expect(throughput.perSecond((all.length - 1) * 1_000)).toBeCloseTo(lastMinute / 60, 6);
      }),
    );
  });
});

describe('workers/primary/slot/figures', () => {
  test('whatever the number of slots, a heartbeat sends little to central', () => {
    const batch = (at: number) => ({ slot: `orders#${at}`, done: at, seconds: at });
    const slots = Array.from({ length: 1_000 }, (_, at) => ({
      queue: 'orders',
      standing: {
        recent: { tried: 400, failed: at % 3, ...(at % 3 > 0 && { error: `error ${at}` }) },
        perSecond: 1.5,
        trouble: `trouble ${at}`,
        delivered: [0, 2, at % 2],
        longBatch: batch(at),
      },
    }));
    const figures = figuresOf(slots);
    expect(figures.recent).toEqual({ orders: { tried: 400_000, failed: 999, error: 'error 1' } });
    expect(figures.handled).toEqual({ orders: 1_500 });
    expect(figures.delivered).toEqual({ orders: [0, 2_000, 500] });
    const young = {
      recent: undefined,
      trouble: undefined,
      longBatch: undefined,
      perSecond: undefined,
      delivered: undefined,
    };
    expect(figuresOf([...slots, { queue: 'orders', standing: young }]).handled).toEqual({});
    expect(figures.batches.orders).toEqual([999, 998, 997, 996, 995].map(batch));
    expect(JSON.stringify(figures).length).toBeLessThan(700);
  });
});
