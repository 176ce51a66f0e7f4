import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/handler/contract.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const ONCE = { retry: { attempts: 1, firstMs: 10, maxMs: 50 } };
const numberOf = (event: Event): number => event.json<{ n: number }>().n;

const calledWith = async (
  central: WorkerCentral,
  handler: Parameters<typeof givenWorker>[1],
  options: Parameters<typeof givenWorker>[2] = {},
) => {
  const running = givenWorker(central, handler, options);
  await central.tick('orders');
  await until(() => finished(running).length === 1, { what: 'the batch', timeoutMs: 60_000 });
  return finished(running)[0];
};

describe.each([
  ['in the transaction', undefined],
  ['without a transaction', false],
] as const)('workers/child coalesce %s', (_what, transaction) => {
  const option = transaction === undefined ? {} : { transaction };

  test('of many events with one key only the last is handed out, in order, and the others count as done', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 100);
    const calls: number[][] = [];
    const counts = await calledWith(central, {
      ...option,
      // 1..50 by their last digit, the others have no key.
      coalesce: (event) => (numberOf(event) <= 50 ? numberOf(event) % 10 : null),
      batch: (events) => void calls.push(events.map(numberOf)),
    });
    expect(calls).toEqual([numbers(100).slice(40)]);
    expect(counts).toMatchObject({ events: 100, putOff: 0, dead: 0 });
    expect(await central.query('select 1 from pgq.retry_queue')).toEqual([]);
  });

  test('a batch far larger than a call collapses into one, whatever its size', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 30_000);
    const calls: number[][] = [];
    await calledWith(central, {
      ...option,
      coalesce: (event) => numberOf(event) % 7,
      batch: (events) => void calls.push(events.map(numberOf)),
    });
    expect(calls).toEqual([numbers(30_000).slice(-7)]);
  });

  test('more keys than a call may have: the last one of each comes, and none after it', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 9_000);
    const last = new Map<number, number>();
    const sizes: number[] = [];
    await calledWith(central, {
      ...option,
      coalesce: (event) => numberOf(event) % 3_000,
      batch(events) {
        sizes.push(events.length);
        for (const event of events) last.set(numberOf(event) % 3_000, numberOf(event));
      },
    });
    expect(Math.max(...sizes)).toBe(2_000);
    expect([...last.values()].sort((a, b) => a - b)).toEqual(numbers(9_000).slice(6_000));
  });

  test('a key function that throws, or returns no key, fails its event alone', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 10);
    const calls: number[][] = [];
    const counts = await calledWith(
      central,
      {
        ...option,
        coalesce(event) {
          if (numberOf(event) === 3) throw new Error('no key for three');
          return numberOf(event) === 7 ? (Promise.resolve(1) as unknown as string) : 'same';
        },
        batch: (events) => void calls.push(events.map(numberOf)),
      },
      ONCE,
    );
    expect(calls).toEqual([[10]]);
    expect(counts).toMatchObject({ events: 10, dead: 2 });
    const dead = await central.query('select origin, error from tributary.dead_event order by ev_id');
    expect(dead).toEqual([
      { origin: 's:orders:3', error: 'no key for three' },
      {
        origin: 's:orders:7',
        error: expect.stringMatching(
          /^`coalesce` gave \[object Promise\] as the key of event \d+\. A key is a string/,
        ),
      },
    ]);
  });

  test('where the last event of a key fails it is tried again, and a waiting one that a newer one replaces is dropped', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 5);
    const calls: number[][] = [];
    let fails = 1;
    givenWorker(central, {
      ...option,
      coalesce: () => 'same',
      batch(events) {
        calls.push(events.map(numberOf));
        if (fails-- > 0) throw new Error('not yet');
      },
    });
    await central.tick('orders');
    await until(async () => (await central.query('select 1 from tributary.attempt')).length === 1, {
      what: 'the first failure',
    });
    // Comes with the retried one in one batch, behind it.
    await central.query('update pgq.retry_queue set ev_retry_after = now()');
    await central.produce('orders', 1, { from: 6 });
    await until(
      async () => {
        await central.tick('orders');
        return calls.some((call) => call.includes(6));
      },
      { what: 'the next event' },
    );
    await until(async () => (await central.query('select 1 from tributary.attempt')).length === 0, {
      what: 'the end of the retry',
    });
    expect(calls[0]).toEqual([5]);
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
  });
});
