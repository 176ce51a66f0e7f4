import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fatalEvent,
  SlicePlan,
  type SuspectSlice,
} from '../../../../src/workers/child/narrowing/slice-plan.ts';
import { sliceEnd, usable } from '../../../../src/workers/child/reading/same-id.ts';

/** Handles a batch in slices as the worker does, dying in each slice that holds the fatal event. */
function deathsUntilFound(ids: readonly number[], killer: number): { deaths: number; done: number[] } {
  const done: number[] = [];
  let deaths = 0;
  let from = 0;
  let marked: SuspectSlice | undefined;
  let suspect: SuspectSlice | undefined;
  for (;;) {
    const plan = new SlicePlan({ suspect, isRecorded: false });
    let hasDied = false;
    while (from < ids.length && !hasDied) {
      const { end } = plan.narrowing(ids, from);
      const slice = ids.slice(from, end);
      const first = slice[0] as number;
      const last = slice.at(-1) as number;
      const fatal = fatalEvent(suspect);
      if (slice.includes(killer) && fatal !== killer) {
        const isSame = marked?.first === first && marked.last === last;
        marked = {
          first,
          last,
          events: slice.length,
          deaths: (isSame ? (marked?.deaths ?? 0) : 0) + 1,
          kills: 0,
        };
        suspect = marked;
        deaths += 1;
        hasDied = true;
      } else {
        done.push(...slice);
        from = end;
        plan.passed(last);
      }
    }
    if (!hasDied) return { deaths, done };
  }
}

describe('workers/child/narrowing/slice-plan', () => {
  test('a fatal event is found in at most four deaths, wherever it is, and every event is passed once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (count, at) => {
        const ids = Array.from({ length: count }, (_, n) => n + 1);
        const { deaths, done } = deathsUntilFound(ids, (at % count) + 1);
        expect(done).toEqual(ids);
        expect(deaths).toBeLessThanOrEqual(4);
      }),
    );
  });

  test('an event is dead after workers died of it alone twice, not before', () => {
    const alone = { first: 5, last: 5, events: 1, kills: 0 };
    expect(fatalEvent({ ...alone, deaths: 1 })).toBeUndefined();
    expect(fatalEvent({ ...alone, deaths: 2 })).toBe(5);
    expect(fatalEvent({ first: 5, last: 6, events: 2, deaths: 9, kills: 9 })).toBeUndefined();
    expect(fatalEvent(undefined)).toBeUndefined();
  });

  test('where deaths may have come from outside it takes five', () => {
    const alone = { first: 5, last: 5, events: 1 };
    expect(fatalEvent({ ...alone, deaths: 0, kills: 4 })).toBeUndefined();
    expect(fatalEvent({ ...alone, deaths: 1, kills: 3 })).toBeUndefined();
    expect(fatalEvent({ ...alone, deaths: 0, kills: 5 })).toBe(5);
    expect(fatalEvent({ ...alone, deaths: 1, kills: 4 })).toBe(5);
  });

  test('events of one id are never parted, neither by a slice nor by the end of what was read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 10 }),
        (unsorted, width) => {
          const ids = unsorted.sort((a, b) => a - b);
          for (let from = 0; from < ids.length; ) {
            const end = sliceEnd(ids, from, width);
            expect(end).toBeGreaterThan(from);
            expect(ids[end]).not.toBe(ids[end - 1]);
            from = end;
          }
          const end = usable(ids, false);
          if (end > 0) expect(ids[end]).not.toBe(ids[end - 1]);
          expect(usable(ids, true)).toBe(ids.length);
        },
      ),
    );
  });

  test('where the call in which a worker died is known, only its events are handled in slices', () => {
    const ids = [1, 2, 3, 5, 5, 6, 8, 9];
    const suspect: SuspectSlice = { first: 5, last: 6, events: 3, deaths: 0, kills: 0 };
    const plan = new SlicePlan({ suspect, isRecorded: true });
    expect(plan.narrowing(ids, 0)).toEqual({ end: 3, isMarked: false });
    expect(plan.narrowing(ids, 3)).toEqual({ end: 5, isMarked: true });
    expect(plan.narrowing(ids, 5)).toEqual({ end: 6, isMarked: true });
    expect(plan.narrowing(ids, 6)).toEqual({ end: 8, isMarked: false });
  });

  test('where it is not known, every slice may contain the fatal event', () => {
    const ids = [1, 2, 3, 4];
    const suspect: SuspectSlice = { first: 2, last: 3, events: 2, deaths: 1, kills: 0 };
    const unknown = new SlicePlan({ suspect: undefined, isRecorded: true });
    expect(unknown.narrowing(ids, 0)).toEqual({ end: 4, isMarked: true });
    const unrecorded = new SlicePlan({ suspect, isRecorded: false });
    expect(unrecorded.narrowing(ids, 0)).toEqual({ end: 1, isMarked: true });
    unrecorded.passed(1);
    expect(unrecorded.narrowing(ids, 1)).toEqual({ end: 2, isMarked: true });
    unrecorded.passed(3);
    expect(unrecorded.narrowing(ids, 3)).toEqual({ end: 4, isMarked: true });
  });
});
