// What a mover writes to central of its sources: what central shows in between is never far from what the mover knows.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LagFigure } from '../../../src/central/source-states.ts';
import { LagMemory } from '../../../src/mover/lag-changes.ts';

const idle = (source: number, changes: Partial<LagFigure> = {}): LagFigure => ({
  source,
  age_s: 0.4,
  state: 'idle',
  reason: null,
  cause: null,
  events_behind: 0,
  exact: true,
  seconds_behind: 0,
  stands: true,
  ages: false,
  last_tick: 7,
  provider: 'engine',
  ...changes,
});

/** A memory that has written these at 0. */
function givenWritten(...figures: LagFigure[]): LagMemory {
  const memory = new LagMemory();
  memory.wrote(memory.changes(figures, 0), 0);
  return memory;
}

describe('mover/lag-changes', () => {
  test('a source of which nothing changes is written once, and then once a minute', () => {
    const figures = Array.from({ length: 1_280 }, (_, source) => idle(source));
    const memory = givenWritten(...figures);
    expect(memory.changes(figures, 59_000)).toEqual({
      ...{ figures: [], left: [], isUrgent: false },
      ageSeconds: 0.4,
    });
    expect(memory.changes(figures, 60_000).figures).toHaveLength(1_280);
  });

  test.each([
    ['another state', { state: 'unreachable' }],
    ['a reason', { reason: 'Central queue orders is full.' }],
    ['figures that hold no longer', { stands: false }],
    ['figures that are not known', { age_s: null, seconds_behind: null }],
  ])('%s is urgent', (_what, change) => {
    const changes = givenWritten(idle(1), idle(2)).changes([idle(1), idle(2, change)], 1);
    expect([changes.isUrgent, changes.figures.map(({ source }) => source)]).toEqual([true, [2]]);
  });

  test('a source that the mover does not move any longer is named once', () => {
    const memory = givenWritten(idle(1), idle(2));
    const changes = memory.changes([idle(1)], 1);
    expect(changes).toMatchObject({ isUrgent: true, left: [2] });
    memory.wrote(changes, 1);
    expect(memory.changes([idle(1)], 2).left).toEqual([]);
  });

  test('what central may have lost is written again', () => {
    const memory = givenWritten(idle(1));
    memory.forget();
    expect(memory.changes([idle(1)], 1).figures).toHaveLength(1);
  });

  test('what central shows of the age differs by at most half a second or a hundredth, after a second', () => {
    const seconds = fc.double({ min: 0, max: 4_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({ seconds, ages: fc.boolean(), age: fc.double({ min: 0, max: 2, noNaN: true }) }),
        fc.record({ seconds, ages: fc.boolean(), age: fc.double({ min: 0, max: 2, noNaN: true }) }),
        fc.double({ min: 1, max: 50, noNaN: true }),
        (before, now, since) => {
          const figureOf = ({ seconds: behind, ages, age }: typeof before) =>
            idle(1, { state: 'moving', events_behind: 5, seconds_behind: behind, ages, age_s: age });
          const memory = givenWritten(figureOf(before));
          const isWritten = memory.changes([figureOf(now)], since * 1_000).figures.length > 0;
          // As tributary.source_report and the judge of lag show what was written.
          const shown = before.seconds + (before.ages ? since + before.age : 0);
          const real = now.seconds + (now.ages ? now.age : 0);
          if (Math.abs(shown - real) > Math.max(0.501, 0.0101 * shown)) expect(isWritten).toBe(true);
        },
      ),
    );
  });
});
