import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { CommitPace } from '../../../../src/mover/limits/commit-pace.ts';
import { randomFrom } from '../../../support/random.ts';

/** The same numbers each time: what is tested is where a controller settles, not that it never strays. */
const random = randomFrom(7);

const LEAST = 16 * 1024;

/** Times as commits have them: most near `ms`, some much longer. */
const about = (ms: number) => ms * (0.5 - Math.log(1 - random.next()) / 2);

/** After many small commits of about so many ms, with no large one beside them. */
function given(aloneMs: number) {
  const way = new CommitPace();
  for (let n = 0; n < 2_000; n += 1) way.took(about(aloneMs), { isBeside: false });
  const beside = (ms: number, times: number) => {
    for (let n = 0; n < times; n += 1) way.took(about(ms), { isBeside: true });
    return way.pace;
  };
  return { way, beside };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe('mover/limits/commit-pace', () => {
  test('while small commits are no slower beside a large one, it goes at full speed, or nearly so', () => {
    const { beside } = given(10);
    const paces = Array.from({ length: 50 }, () => beside(10, 100));
    expect(paces.filter((pace) => pace === undefined || pace > 2 * LEAST).length).toBeGreaterThan(40);
  });

  test('where more small commits are slow it goes slower and slower, and faster again afterwards', () => {
    const { beside } = given(10);
    const [first, last] = [beside(20, 12), beside(20, 300)].map((pace) => pace ?? Number.POSITIVE_INFINITY);
    expect(first).toBeGreaterThan(1.5 * LEAST);
    expect(last).toBeLessThan(1.3 * LEAST);
    expect(beside(1, 500)).toBeUndefined();
  });

  test('a few small commits that take very long are enough to slow it down', () => {
    const { way } = given(10);
    for (let n = 0; n < 1_000; n += 1) way.took(random.oneIn(4) ? 200 : about(5), { isBeside: true });
    expect(way.pace).toBeLessThan(2 * LEAST);
  });

  test('it is not slowed down where no small commit came for a second; one that takes long keeps it slow', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { way, beside } = given(10);
    beside(20, 300);
    let end = () => {};
    const small = way.small(() => new Promise<void>((resolve) => (end = resolve)));
    vi.advanceTimersByTime(1_050);
    expect(way.pace).toBeLessThan(1.3 * LEAST);
    end();
    await small;
    expect(way.pace).toBeLessThan(1.3 * LEAST);
    vi.advanceTimersByTime(1_050);
    expect(way.pace).toBeUndefined();
    vi.useRealTimers();
  });

  test('without small ones to compare with it goes at full speed', () => {
    const way = new CommitPace();
    way.took(500, { isBeside: true });
    expect(way.pace).toBeUndefined();
  });

  test('all bytes are handed on in order, at the pace, and count as under way until the end', async () => {
    const { way, beside } = given(0.001);
    beside(100, 500);
    const sent: number[] = [];
    let small = Promise.resolve();
    const beganMs = performance.now();
    for await (const chunk of way.large([1, 2, 3, 4].map((n) => Buffer.alloc(LEAST * 50, n)))) {
      sent.push(chunk[0] as number);
      small = way.small(() => new Promise((resolve) => setTimeout(resolve, 1)));
      await small;
    }
    expect(sent).toEqual([1, 2, 3, 4]);
    // 50 ms for each at the least pace; the last one is not waited for by who was handed it.
    expect(performance.now() - beganMs).toBeGreaterThan(100);
    const before = way.pace;
    for (let n = 0; n < 50; n += 1) await way.small(() => until(() => true));
    expect(way.pace).toBe(before);
  });

  test('however slow small commits are, it is never slower than a gigabyte a minute', () => {
    const commit = fc.record({ ms: fc.double({ min: 0, max: 1e6, noNaN: true }), isBeside: fc.boolean() });
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 300 }), (commits) => {
        const way = new CommitPace();
        for (const { ms, isBeside } of commits) way.took(ms, { isBeside });
        expect(way.pace ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(LEAST);
      }),
    );
  });
});
