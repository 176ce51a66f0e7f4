import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupSize } from '../../src/workers/child/groups.ts';
import {
  condemned,
  firstWidth,
  nextWidth,
  type Suspect,
  sliceEnd,
  usable,
} from '../../src/workers/child/slices.ts';

/** Handles a batch in slices as the worker does, dying in each slice that holds the killer. */
function deathsUntilFound(ids: readonly number[], killer: number): { deaths: number; done: number[] } {
  const done: number[] = [];
  let deaths = 0;
  let from = 0;
  let marked: { first: number; last: number; events: number; deaths: number } | undefined;
  let suspect: Suspect | undefined;
  for (;;) {
    let width = firstWidth(suspect);
    let hasDied = false;
    while (from < ids.length && !hasDied) {
      const end = sliceEnd(ids, from, width);
      const slice = ids.slice(from, end);
      const first = slice[0] as number;
      const last = slice.at(-1) as number;
      const guilty = condemned(suspect);
      if (slice.includes(killer) && guilty !== killer) {
        const isSame = marked?.first === first && marked.last === last;
        marked = { first, last, events: slice.length, deaths: (isSame ? (marked?.deaths ?? 0) : 0) + 1 };
        suspect = marked;
        deaths += 1;
        hasDied = true;
      } else {
        done.push(...slice);
        from = end;
        width = nextWidth(width, last, suspect);
      }
    }
    if (!hasDied) return { deaths, done };
  }
}

describe('workers/child/slices', () => {
  test('a killer is found in at most four deaths, wherever it stands, and every event is passed once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (count, at) => {
        const ids = Array.from({ length: count }, (_, n) => n + 1);
        const { deaths, done } = deathsUntilFound(ids, (at % count) + 1);
        expect(done).toEqual(ids);
        expect(deaths).toBeLessThanOrEqual(4);
      }),
    );
  });

  test('an event is condemned after it died alone twice, not before', () => {
    const alone = { first: 5, last: 5, events: 1 };
    expect(condemned({ ...alone, deaths: 1 })).toBeUndefined();
    expect(condemned({ ...alone, deaths: 2 })).toBe(5);
    expect(condemned({ first: 5, last: 6, events: 2, deaths: 9 })).toBeUndefined();
    expect(condemned(undefined)).toBeUndefined();
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
});

describe('workers/child/groups', () => {
  test('small batches are protected in small groups, large ones in ever larger', () => {
    expect([0, 10, 25, 26, 27, 30].map(groupSize)).toEqual([20, 20, 20, 40, 80, 640]);
  });
});
