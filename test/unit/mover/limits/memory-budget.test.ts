import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Claim, MemoryBudget } from '../../../../src/mover/limits/memory-budget.ts';

/** Whether a promise has resolved by now. */
async function isOpen(promise: Promise<void> | undefined): Promise<boolean> {
  if (promise === undefined) return true;
  let isDone = false;
  void promise.then(() => {
    isDone = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return isDone;
}

describe('mover/limits/memory-budget', () => {
  test('while there is room no reader waits', () => {
    const budget = new MemoryBudget(100, 40);
    const claim = budget.claim();
    expect(claim.reserve(30)).toBeUndefined();
    expect(budget.used).toBe(30);
    claim.free(30);
    expect(budget.used).toBe(0);
  });

  test('more of it lets those in that wait, and less is reached as they are committed', async () => {
    const budget = new MemoryBudget(100, 40);
    const [first, second] = [budget.claim(), budget.claim()];
    first.reserve(30);
    first.reserve(30);
    const waiting = second.reserve(20);
    expect(await isOpen(waiting)).toBe(false);
    budget.resize(1_000, 40);
    expect(await isOpen(waiting)).toBe(true);
    first.complete();
    first.free(60);
    budget.resize(50, 10);
    expect([budget.limit, budget.used]).toEqual([50, 20]);
    expect(await isOpen(first.reserve(20))).toBe(true);
    expect(await isOpen(budget.claim().reserve(20))).toBe(false);
  });

  test('beyond its share one reader may finish its window, the others wait until it is committed', async () => {
    const budget = new MemoryBudget(100, 40);
    const [first, second] = [budget.claim(), budget.claim()];
    first.reserve(30);
    expect(await isOpen(first.reserve(30))).toBe(true);
    expect(first.reserve(10)).toBeUndefined();
    const waiting = second.reserve(20);
    expect(await isOpen(waiting)).toBe(false);
    first.complete();
    expect(await isOpen(waiting)).toBe(false);
    first.free(70);
    expect(await isOpen(waiting)).toBe(true);
    expect(budget.used).toBe(20);
  });

  test('a reader of a backlog leaves room for the next one, also while it has the permit', async () => {
    const budget = new MemoryBudget(1_000, 200);
    const [hog, quiet] = [budget.claim(), budget.claim()];
    for (let piece = 0; piece < 8; piece += 1) expect(hog.reserve(50)).toBeUndefined();
    expect(await isOpen(hog.reserve(50))).toBe(true);
    expect(hog.reserve(50)).toBeUndefined();
    expect(quiet.reserve(100)).toBeUndefined();
  });

  test('a waiting reader that fits goes before earlier ones; the earliest gets the permit next, however much it needs', async () => {
    const budget = new MemoryBudget(100, 50);
    const [holder, large, small] = [budget.claim(), budget.claim(), budget.claim()];
    holder.reserve(25);
    expect(await isOpen(holder.reserve(5))).toBe(true);
    const [one, two, three] = [large.reserve(40), small.reserve(13), small.reserve(12)];
    expect([await isOpen(one), await isOpen(two), await isOpen(three)]).toEqual([false, false, true]);
    holder.complete();
    expect(await isOpen(one)).toBe(false);
    holder.free(5);
    expect([await isOpen(one), await isOpen(two)]).toEqual([true, false]);
    holder.free(25);
    expect(await isOpen(two)).toBe(true);
  });

  test('however many read backlogs, once they had their turn there is room for one more of their share', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        async (hogs, piece) => {
          const [pool, whole] = [10_000, 1_000];
          const budget = new MemoryBudget(pool + whole, whole);
          const claims = Array.from({ length: hogs }, () => ({ claim: budget.claim(), held: 0 }));
          // Each takes a piece in its turn, as far as it gets without waiting.
          for (let moved = true; moved; ) {
            moved = false;
            for (const one of claims) {
              if (budget.room - one.held / 2 < piece) continue;
              expect(one.claim.reserve(piece)).toBeUndefined();
              one.held += piece;
              moved = true;
            }
          }
          expect(
            budget.claim().reserve(Math.max(1, Math.floor(pool / (2 * hogs + 2)) - piece)),
          ).toBeUndefined();
        },
      ),
      { numRuns: 100 },
    );
  });

  test('rows too large to be held go one at a time', async () => {
    const budget = new MemoryBudget(100, 40);
    const leave = await budget.oversize();
    const next = budget.oversize();
    let hasEntered = false;
    void next.then(() => {
      hasEntered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasEntered).toBe(false);
    expect(budget.isOversizeAwaited).toBe(true);
    leave();
    (await next)();
    expect(budget.isOversizeAwaited).toBe(false);
  });

  test('any readers with windows up to `whole` all come to an end, and never hold more than the limit and a piece', async () => {
    const reader = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(reader, { minLength: 1, maxLength: 6 }), fc.nat(), async (readers, seed) => {
        const [limit, whole] = [200, 80];
        const budget = new MemoryBudget(limit, whole);
        let most = 0;
        const pause = () => new Promise((resolve) => setImmediate(resolve));
        const read = async (pieces: readonly number[], claim: Claim, lag: number) => {
          let window = 0;
          const commit = async () => {
            const bytes = window;
            window = 0;
            claim.complete();
            for (let turn = 0; turn < lag; turn += 1) await pause();
            claim.free(bytes);
          };
          const commits: Promise<void>[] = [];
          for (const bytes of pieces) {
            if (window + bytes > whole) commits.push(commit());
            await claim.reserve(bytes);
            window += bytes;
            most = Math.max(most, budget.used);
            await pause();
          }
          commits.push(commit());
          await Promise.all(commits);
        };
        await Promise.all(readers.map((pieces, at) => read(pieces, budget.claim(), (seed + at) % 3)));
        expect(budget.used).toBe(0);
        expect(most).toBeLessThanOrEqual(limit + 40);
      }),
      { numRuns: 50 },
    );
  });
});
