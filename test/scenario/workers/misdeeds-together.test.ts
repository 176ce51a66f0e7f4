// Whatever one event throws, returns, sets or leaves behind, it alone fails: with a reason, within a bound; its neighbours are
// handled once. Here: any of them, anywhere, together.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../support/random.ts';
import { ATTEMPTS, Course, KINDS, type Kind, possible } from '../../support/workers/misdeed-course.ts';
import type { Misdeed } from '../../support/workers/misdeeds.ts';

describe('workers/child, whatever a handler does', () => {
  test('any misdeeds together, in any events, fail only their own events', { timeout: 600_000 }, async () => {
    const seed = Number(process.env.TRIBUTARY_SEED ?? randomFrom().seed);
    process.stdout.write(`TRIBUTARY_SEED=${seed}\n`);
    const courses = new Map<Kind, Course>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...KINDS),
        // Not the small ones that fast-check prefers: one that fails is had again by its seed, not by shrinking.
        fc.noBias(fc.integer({ min: 20, max: 400 })),
        fc.noBias(fc.array(fc.record({ at: fc.nat(), which: fc.nat() }), { minLength: 1, maxLength: 6 })),
        async (kind, count, choices) => {
          const course = courses.get(kind) ?? (await Course.of(kind));
          courses.set(kind, course);
          const deeds = possible(kind);
          const chosen = new Map(
            choices.map(({ at, which }) => [1 + (at % count), deeds[which % deeds.length] as Misdeed]),
          );
          const { diary, post, names } = await course.run(count, [...chosen]);
          expect(post.said('opened').length, names).toBeLessThanOrEqual(4 + 8 * ATTEMPTS * chosen.size);
          // What has no transaction is called once for each try.
          const most = kind === 'free event' ? ATTEMPTS : 12 * ATTEMPTS * (1 + chosen.size);
          expect(
            [...diary.calls].filter(([, calls]) => calls > most),
            names,
          ).toEqual([]);
        },
      ),
      { numRuns: 8, seed, endOnFailure: true },
    );
  });
});
