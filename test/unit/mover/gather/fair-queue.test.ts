import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../../../src/mover/gather/fair-queue.ts';

interface Item {
  readonly source: { readonly shard: string; readonly name: string };
  readonly bytes: number;
  readonly rows: number;
  readonly n: number;
}

const MEGABYTE = 1_048_576;
const anybody = () => true;

/** Sources `a1`, `a2`, `b1`, …: the letter is the shard. */
function givenSources(names: readonly string[]) {
  const sources = names.map((name) => ({ shard: name.charAt(0), name }));
  let n = 0;
  return {
    sources,
    of: (at: number, bytes: number, rows = 1): Item => ({
      source: sources[at] as Item['source'],
      bytes,
      rows,
      n: n++,
    }),
  };
}

const names = (items: readonly Item[]) => items.map(({ source }) => source.name);

describe('mover/gather/fair-queue', () => {
  test('no more events go together than the limit; a parcel with more goes alone', () => {
    const queue = new FairQueue<Item>();
    const { of } = givenSources(['a1']);
    for (const rows of [400, 600, 1, 2_000]) queue.add(of(0, 10, rows));
    const next = () =>
      queue.take({ maxBytes: MEGABYTE, maxRows: 1_000, mayGo: anybody }).map(({ rows }) => rows);
    expect([next(), next(), next(), next()]).toEqual([[400, 600], [1], [2_000], []]);
  });

  test('what a quiet source sends goes next, before any backlog', () => {
    const queue = new FairQueue<Item>();
    const { of } = givenSources(['a1', 'b1']);
    for (let n = 0; n < 20; n += 1) queue.add(of(0, 8 * MEGABYTE));
    const next = () => names(queue.take({ maxBytes: 0, mayGo: anybody }));
    expect([next(), next()]).toEqual([['a1'], ['a1']]);
    queue.add(of(1, 1_000));
    expect(next()).toEqual(['b1']);
    // It has used up hardly anything, and does not wait for its turn in a round.
    queue.add(of(1, 1_000));
    expect([next(), next()]).toEqual([['b1'], ['a1']]);
  });

  test('a quiet source saves up no share: after a pause it shares like the others', () => {
    const queue = new FairQueue<Item>();
    const { of } = givenSources(['a1', 'b1']);
    for (let n = 0; n < 50; n += 1) queue.add(of(0, 100));
    for (let n = 0; n < 20; n += 1) queue.take({ maxBytes: 0, mayGo: anybody });
    for (let n = 0; n < 50; n += 1) queue.add(of(1, 100));
    const served = Array.from({ length: 20 }, () => names(queue.take({ maxBytes: 0, mayGo: anybody }))[0]);
    expect(served.filter((name) => name === 'b1').length).toBeLessThanOrEqual(11);
  });

  test('a parcel that may not go does not delay others, and goes once it may', () => {
    const queue = new FairQueue<Item>();
    const { of, sources } = givenSources(['a1', 'b1']);
    queue.add(of(0, 10));
    queue.add(of(0, 10));
    queue.add(of(1, 10));
    expect(names(queue.take({ maxBytes: 100, mayGo: ({ source }) => source !== sources[0] }))).toEqual([
      'b1',
    ]);
    expect(names(queue.take({ maxBytes: 100, mayGo: anybody }))).toEqual(['a1', 'a1']);
    expect(queue.size).toBe(0);
  });

  test('only parcels that fit the first one go with it; those put back go first again', () => {
    const queue = new FairQueue<Item>();
    const { of } = givenSources(['a1', 'b1']);
    const added = [of(0, 10), of(0, 20), of(1, 30)];
    for (const item of added) queue.add(item);
    const own = queue.take({
      maxBytes: 100,
      mayGo: anybody,
      goesWith: (first, one) => first.source === one.source,
    });
    expect(own).toEqual(added.slice(0, 2));
    queue.add(of(0, 40));
    queue.putBack(own);
    const again = queue.take({ maxBytes: 1_000, mayGo: ({ source }) => source.name === 'a1' });
    expect(again.map(({ bytes }) => bytes)).toEqual([10, 20, 40]);
    expect(queue.size).toBe(1);
  });

  const step = fc.record({
    source: fc.nat({ max: 5 }),
    bytes: fc.integer({ min: 0, max: 5_000 }),
    does: fc.constantFrom('add', 'add', 'add', 'take', 'take', 'putBack', 'remove'),
    maxBytes: fc.nat({ max: 10_000 }),
    barred: fc.nat({ max: 9 }),
  });

  test('whatever is added and taken: each parcel goes once, in the order of its source, and only the first may exceed the limit', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new FairQueue<Item>();
        const { of, sources } = givenSources(['a1', 'a2', 'a3', 'b1', 'b2', 'c1']);
        const [added, out]: [Item[], Item[]] = [[], []];
        for (const { source, bytes, does, maxBytes, barred } of steps) {
          if (does === 'add') {
            const item = of(source, bytes);
            added.push(item);
            queue.add(item);
          } else if (does === 'remove') {
            out.push(...queue.remove((item) => item.source === sources[source]));
          } else {
            const taken = queue.take({ maxBytes, mayGo: (item) => item.source !== sources[barred] });
            expect(names(taken)).not.toContain(sources[barred]?.name);
            const total = taken.reduce((sum, item) => sum + item.bytes, 0);
            expect(taken.length === 1 || total <= maxBytes).toBe(true);
            const own = taken.filter((item) => item.source === taken[0]?.source);
            if (does === 'putBack') {
              queue.putBack(own);
              out.push(...taken.filter((item) => !own.includes(item)));
            } else out.push(...taken);
          }
          expect(queue.size).toBe(added.length - out.length);
        }
        while (queue.size > 0) out.push(...queue.take({ maxBytes: 1_000, mayGo: anybody }));
        for (const source of sources) {
          const of_ = (items: readonly Item[]) =>
            items.filter((item) => item.source === source).map(({ n }) => n);
          expect(of_(out)).toEqual(of_(added));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('shards that always have something waiting get equal shares, whatever the number of their sources and sizes', () => {
    const given = fc.record({
      counts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 }),
      sizes: fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 20 }),
      takes: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(
      fc.property(given, ({ counts, sizes, takes }) => {
        const queue = new FairQueue<Item>();
        const { of, sources } = givenSources(
          counts.flatMap((count, at) =>
            Array.from({ length: count }, (_, k) => `${String.fromCharCode(97 + at)}${k}`),
          ),
        );
        let made = 0;
        const refill = (at: number) => queue.add(of(at, sizes[made++ % sizes.length] as number));
        for (const at of sources.keys()) for (let k = 0; k < 2; k += 1) refill(at);
        const served = new Map<string, number>();
        for (let n = 0; n < takes; n += 1) {
          for (const item of queue.take({ maxBytes: 0, mayGo: anybody })) {
            served.set(item.source.shard, (served.get(item.source.shard) ?? 0) + item.bytes + 1);
            refill(sources.indexOf(item.source));
          }
        }
        const largest = Math.max(...sizes) + 1;
        const shares = counts.map((_, at) => served.get(String.fromCharCode(97 + at)) ?? 0);
        const bound = 2 * Math.max(...counts) * largest;
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 300 },
    );
  });

  test('among any backlogs a small one from a quiet source is in the very next commit', () => {
    const backlog = fc.array(
      fc.record({ source: fc.nat({ max: 4 }), bytes: fc.integer({ min: 1_000, max: 9_000 }) }),
      {
        minLength: 5,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(backlog, fc.nat({ max: 10 }), fc.integer({ min: 1, max: 999 }), (items, before, bytes) => {
        const queue = new FairQueue<Item>();
        const { of } = givenSources(['a1', 'a2', 'b1', 'c1', 'c2', 'z1']);
        for (const { source, bytes: size } of items) queue.add(of(source, size));
        for (let n = 0; n < before; n += 1) queue.take({ maxBytes: 10_000, mayGo: anybody });
        const quiet = of(5, bytes);
        queue.add(quiet);
        expect(queue.take({ maxBytes: 10_000, mayGo: anybody })).toContain(quiet);
      }),
      { numRuns: 300 },
    );
  });
});
