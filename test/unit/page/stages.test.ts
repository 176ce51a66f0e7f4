import { expect, test } from 'vitest';
import type { SourceDetail } from '../../../src/http/dashboard/state.ts';
import { stageOf, toCentral, toHandled } from '../../../src/page/words/stages.ts';

type Position = SourceDetail['positions'][number];

const at = (ms: number) => new Date(1_000_000 + ms).toISOString();

const moved = (tickMs: number, commitMs: number, handledMs: number | null, events = 5): Position => ({
  ...{ at: at(commitMs), tickAt: at(tickMs), handledAt: handledMs === null ? null : at(handledMs) },
  ...{ fromTick: 1, tick: 2, isPart: false, events, mover: 'alpha' },
});

test('each stage is what its windows took: half of them no longer, and the longest', () => {
  const positions = [moved(0, 40, 100), moved(100, 120, 620), moved(200, 500, 510)];
  expect(stageOf(positions, toCentral)).toEqual({ median: 0.04, longest: 0.3, windows: 3 });
  expect(stageOf(positions, toHandled)).toEqual({ median: 0.06, longest: 0.5, windows: 3 });
});

test('windows without events, and those that are not handled yet, tell nothing', () => {
  expect(stageOf([moved(0, 5_000, 6_000, 0)], toCentral)).toBeUndefined();
  expect(stageOf([moved(0, 10, null), moved(0, 10, 30)], toHandled)).toMatchObject({ windows: 1 });
  expect(stageOf([{ ...moved(0, 10, null), events: null }], toCentral)).toBeUndefined();
});

test('clocks that differ by a little make no time below zero', () => {
  expect(stageOf([moved(50, 10, 5)], toCentral)).toEqual({ median: 0, longest: 0, windows: 1 });
});
