import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GiveWay } from '../../src/mover/give-way.ts';

function given(aloneMs: number) {
  const way = new GiveWay();
  for (let n = 0; n < 50; n += 1) way.took(aloneMs, { isBeside: false });
  const beside = (ms: number, times: number) => {
    for (let n = 0; n < times; n += 1) way.took(ms, { isBeside: true });
    return way.pauseMs(100);
  };
  return { way, beside };
}

describe('mover/give-way', () => {
  test('as long as small commits are no slower beside a large one, it does not pause', () => {
    const { way, beside } = given(10);
    expect(way.pauseMs(100)).toBe(0);
    expect(beside(10.5, 100)).toBe(0);
  });

  test('where they are slower it pauses more and more, and less again once they are not', () => {
    const { beside } = given(10);
    const [first, then, last] = [beside(20, 1), beside(20, 5), beside(20, 100)];
    expect(first).toBeGreaterThan(0);
    expect(then).toBeGreaterThan(first);
    expect(last).toBeCloseTo(300);
    expect(beside(10, 200)).toBeLessThan(first);
  });

  test('without small ones to compare with it goes at full speed', () => {
    const way = new GiveWay();
    way.took(500, { isBeside: true });
    expect(way.pauseMs(100)).toBe(0);
  });

  test('what is handed on is all there, in order, and counts as under way until its end', async () => {
    const way = new GiveWay();
    for (let n = 0; n < 20; n += 1) way.took(0, { isBeside: false });
    const rows = way.large([Buffer.from('a'), Buffer.alloc(300_000), Buffer.from('b')]);
    await rows.next();
    // It takes longer than nothing, beside the large one.
    await way.small(() => new Promise((resolve) => setTimeout(resolve, 5)));
    expect(way.pauseMs(100)).toBeGreaterThan(0);
    expect(((await rows.next()).value as Buffer).length).toBe(300_000);
    expect(String((await rows.next()).value)).toBe('b');
    expect((await rows.next()).done).toBe(true);
    const before = way.pauseMs(100);
    await way.small(() => new Promise((resolve) => setTimeout(resolve, 5)));
    expect(way.pauseMs(100)).toBe(before);
  });

  test('whatever they take, it works at least a quarter of the time', () => {
    const commit = fc.record({ ms: fc.double({ min: 0, max: 1e6, noNaN: true }), isBeside: fc.boolean() });
    fc.assert(
      fc.property(fc.array(commit), (commits) => {
        const way = new GiveWay();
        for (const { ms, isBeside } of commits) way.took(ms, { isBeside });
        expect(way.pauseMs(100)).toBeGreaterThanOrEqual(0);
        expect(way.pauseMs(100)).toBeLessThanOrEqual(300.001);
      }),
    );
  });
});
