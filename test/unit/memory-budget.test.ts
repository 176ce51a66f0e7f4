import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Claim, MemoryBudget } from '../../src/mover/memory-budget.ts';

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

describe('mover/memory-budget', () => {
  test('while there is room nobody waits', () => {
    const budget = new MemoryBudget(100, 40);
    const claim = budget.claim();
    expect(claim.reserve(60)).toBeUndefined();
    expect(budget.used).toBe(60);
    claim.free(60);
    expect(budget.used).toBe(0);
  });

  test('without room one reader may finish its window, the others wait until it is committed', async () => {
    const budget = new MemoryBudget(100, 40);
    const [first, second] = [budget.claim(), budget.claim()];
    first.reserve(60);
    const permitted = first.reserve(30);
    const waiting = second.reserve(10);
    expect(await isOpen(permitted)).toBe(true);
    expect(await isOpen(waiting)).toBe(false);
    expect(budget.isTight).toBe(true);
    expect(first.reserve(10)).toBeUndefined();
    first.complete();
    expect(await isOpen(waiting)).toBe(false);
    first.free(100);
    expect(await isOpen(waiting)).toBe(true);
    expect(budget.used).toBe(10);
  });

  test('who came first is served first, however small the others are', async () => {
    const budget = new MemoryBudget(100, 50);
    const [holder, large, small] = [budget.claim(), budget.claim(), budget.claim()];
    holder.reserve(50);
    expect(await isOpen(holder.reserve(5))).toBe(true);
    const [one, two] = [large.reserve(40), small.reserve(1)];
    expect([await isOpen(one), await isOpen(two)]).toEqual([false, false]);
    holder.complete();
    holder.free(55);
    expect([await isOpen(one), await isOpen(two)]).toEqual([true, true]);
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
    leave();
    (await next)();
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
        expect(budget.isTight).toBe(false);
        expect(most).toBeLessThanOrEqual(limit + 40);
      }),
      { numRuns: 50 },
    );
  });
});
