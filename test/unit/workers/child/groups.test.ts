import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BatchEvent } from '../../../../src/handler/event.ts';
import { cleanCuts } from '../../../../src/workers/child/groups/clean-cuts.ts';
import { FailureRate } from '../../../../src/workers/child/groups/failure-rate.ts';
import { callSize, groupSize } from '../../../../src/workers/child/groups/group-size.ts';
import { InHalves, OneByOne } from '../../../../src/workers/child/groups/groups.ts';
import { randomFrom } from '../../../support/random.ts';
import { type FakeBatch, givenBatch, givenEvents } from '../../../support/workers/fake-batch.ts';

const numbered = (count: number) =>
  givenEvents(Array.from({ length: count }, (_, at) => ({ id: at + 1, txid: Math.floor(at / 30) })));

/** The share `of` all events, spread at random but always the same ones. */
function someOf(count: number, share: number): Set<number> {
  const random = randomFrom(7);
  return new Set(
    Array.from({ length: count }, (_, at) => at + 1).filter(() => random.below(10_000) < share * 10_000),
  );
}

async function run(
  Runner: typeof OneByOne | typeof InHalves,
  { count, share, rate = new FailureRate() }: { count: number; share: number; rate?: FailureRate },
): Promise<FakeBatch & { readonly bad: Set<number> }> {
  const bad = someOf(count, share);
  const batch = givenBatch(({ id }) => bad.has(id), { rate });
  await new Runner(batch.tools).run(numbered(count));
  batch.finish();
  return Object.assign(batch, { bad });
}

const handled = ({ calls }: FakeBatch) => calls.reduce((sum, { length }) => sum + length, 0);

describe('workers/child/groups/groups', () => {
  test.each([
    [0, 1],
    [0.0005, 1.15],
    [0.01, 1.25],
    [0.02, 1.3],
    [0.1, 1.5],
    [0.5, 1.8],
    [1, 1.1],
  ])(
    'of 8,000 events %d fail: at most %d calls an event, none lost, none twice, in order',
    async (share, most) => {
      const batch = await run(OneByOne, { count: 8_000, share });
      const all = Array.from({ length: 8_000 }, (_, at) => at + 1);
      expect(batch.parts.flat()).toEqual(all.filter((n) => !batch.bad.has(n)));
      expect(batch.failed).toEqual(all.filter((n) => batch.bad.has(n)));
      expect(batch.mostSavepoints).toBeLessThanOrEqual(50);
      expect(handled(batch) / 8_000).toBeLessThanOrEqual(most);
      process.stdout.write(
        `event, ${share}: ${handled(batch) / 8_000} calls an event, ${batch.parts.length} parts\n`,
      );
    },
  );

  test('a handler that is known to fail every hundredth event repeats even fewer events', async () => {
    const rate = new FailureRate();
    await run(OneByOne, { count: 2_000, share: 0.01, rate });
    const batch = await run(OneByOne, { count: 8_000, share: 0.01, rate });
    expect(handled(batch) / 8_000).toBeLessThanOrEqual(1.12);
  });

  test.each([0, 0.0005])('a batch of which %d fail stays one transaction', async (share) => {
    for (const count of [10, 300, 8_000])
      expect((await run(OneByOne, { count, share })).parts).toHaveLength(1);
  });

  test.each([
    [0.01, 8],
    [0.02, 10],
    [0.1, 8],
    [0.5, 4],
  ])(
    'a batch handler with %d failing is called with each event at most %d times on average',
    async (share, most) => {
      const batch = await run(InHalves, { count: 2_000, share });
      const all = Array.from({ length: 2_000 }, (_, at) => at + 1);
      expect(batch.parts.flat()).toEqual(all.filter((n) => !batch.bad.has(n)));
      expect(batch.failed).toEqual(all.filter((n) => batch.bad.has(n)));
      expect(batch.mostSavepoints).toBeLessThanOrEqual(50);
      expect(handled(batch) / 2_000).toBeLessThanOrEqual(most);
      process.stdout.write(
        `batch, ${share}: ${handled(batch) / 2_000} times an event, ${batch.calls.length} calls, ${batch.parts.length} parts\n`,
      );
    },
  );

  test('whatever fails, also only now and then: each event is done once or given up once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ gap: fc.nat(2), retry: fc.nat(1), bad: fc.integer({ min: 0, max: 5 }) }), {
          maxLength: 150,
        }),
        fc.boolean(),
        fc.nat(),
        async (shapes, isBatch, seed) => {
          const random = randomFrom(seed);
          let id = 1;
          const events = givenEvents(
            shapes.map(({ gap, retry }) => {
              id += gap;
              return { id, retry, txid: random.below(4) };
            }),
          );
          const isBad = (event: BatchEvent) => {
            const shape = shapes[events.indexOf(event)];
            return shape?.bad === 5 || (shape?.bad === 4 && random.oneIn(3));
          };
          const batch = givenBatch(isBad);
          const cuts: number[] = [];
          const tools = {
            ...batch.tools,
            cut: async (last: BatchEvent) => {
              cuts.push(events.lastIndexOf(last));
              await batch.tools.cut?.(last);
            },
          };
          await new (isBatch ? InHalves : OneByOne)(tools).run(events);
          batch.finish();
          const done = batch.parts.flat();
          expect([...done, ...batch.failed].sort((a, b) => a - b)).toEqual(events.map((event) => event.id));
          expect(done).toEqual([...done].sort((a, b) => a - b));
          for (const at of cuts) expect(events[at]?.id).not.toBe(events[at + 1]?.id);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a deadlock is run again at once, twice, and what was undone with it comes first', async () => {
    const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });
    let deadlocks = 0;
    const batch = givenBatch(({ id }) => {
      if (id === 5) deadlocks += 1;
      return id === 5 && deadlocks < 3 && deadlock;
    });
    await new OneByOne(batch.tools).run(numbered(8));
    batch.finish();
    expect(batch.parts.flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(batch.failed).toEqual([]);
    expect(batch.calls.flat()).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 5, 6, 7, 8]);
  });
});

describe('workers/child/groups/group-size', () => {
  const calm = { savepoints: 0, hasFailed: false, remaining: 8_000, rate: 0, isSure: false };

  test('while nothing fails, a batch of any size has savepoints enough to stay whole', () => {
    for (const count of [1, 100, 5_000, 20_000, 1_000_000]) {
      let savepoints = 0;
      for (let done = 0; done < count; savepoints++)
        done += groupSize({ ...calm, savepoints, remaining: count - done });
      expect(savepoints).toBeLessThanOrEqual(41);
    }
  });

  test('the more fails, the smaller are groups and calls', () => {
    const failing = { ...calm, hasFailed: true, isSure: true };
    expect([0.01, 0.02, 0.1, 0.5, 1].map((rate) => groupSize({ ...failing, rate }))).toEqual([
      11, 8, 4, 1, 1,
    ]);
    expect([0, 0.01, 0.1, 0.5].map((rate) => callSize({ ...failing, rate }))).toEqual([8_000, 55, 17, 1]);
  });
});

describe('workers/child/groups/clean-cuts', () => {
  test('a cut parts no window: neither what one commit brought from one source, nor where two are interleaved', () => {
    const events = givenEvents([
      { id: 1, txid: 1, origin: 'a:orders:1' },
      { id: 2, txid: 1, origin: 'a:orders:2' },
      { id: 3, txid: 1, origin: 'b:orders:1' },
      { id: 4, txid: 2, origin: 'b:orders:2' },
      { id: 5, txid: 3, origin: 'c:orders:1' },
      { id: 6, txid: 2, origin: 'b:orders:3' },
      { id: 7, txid: 3, origin: 'c:orders:2' },
      { id: 8, txid: 4, origin: 'c:orders:3' },
    ]);
    const isClean = cleanCuts(events);
    expect(events.map((_, at) => at).filter(isClean)).toEqual([2, 3, 7]);
  });
});
