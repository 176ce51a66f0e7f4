// What a worker counts for those who watch: each event once, by what became of it, however its batch was handled.
import { describe, expect, test } from 'vitest';
import type { Context, Event } from '../../../src/handler/contract.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral } from '../../support/workers/worker-central.ts';

const EVENTS = 1_000;
const numberOf = (event: Event): number => event.json<{ n: number }>().n;

/** A tenth throws, another tenth is given up, another one is put off; the rest is done. */
function decide(events: readonly Event[], context: Context): void {
  for (const event of events) {
    const last = numberOf(event) % 10;
    if (last === 1) throw new Error('boom');
    if (last === 2) context.dead(event, 'not wanted');
    if (last === 3) context.retry(event, { after: '1h' });
  }
}

const HANDLERS = [
  ['one by one', { event: (event: Event, context: Context) => decide([event], context) }],
  ['many at once', { batch: decide }],
  [
    'many at once, some passed over',
    { coalesce: (event: Event) => (numberOf(event) <= 500 ? numberOf(event) : null), batch: decide },
  ],
  [
    'one by one, without a transaction',
    { transaction: false, event: (event: Event, context: Context) => decide([event], context) },
  ],
  ['many at once, without a transaction', { transaction: false, batch: decide }],
] as const;

describe('workers/child counts of events', () => {
  test.each(HANDLERS)('%s', async (_how, handler) => {
    const central = await givenWorkerCentral();
    await central.produce('orders', EVENTS);
    // Put off, where it throws: the next try is an hour away.
    const retry = { attempts: 3, firstMs: 3_600_000, maxMs: 3_600_000 };
    const running = givenWorker(central, handler as Parameters<typeof givenWorker>[1], { retry });
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch', timeoutMs: 60_000 });
    const { calls, delivered, ...counted } = running.worker.tally.take() ?? {};
    expect(counted).toEqual({ done: 700, putOff: 200, dead: 100 });
    expect(calls?.counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    expect(calls?.sum).toBeGreaterThan(0);
    for (const stage of [delivered?.toCentral, delivered?.toHandled, delivered?.whole])
      expect(stage?.counts.reduce((sum, count) => sum + count, 0)).toBe(EVENTS);
    expect(running.worker.tally.take()).toBeUndefined();
  });

  test('the counts are the same in slices, as for a queue with a rate', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', EVENTS);
    const retry = { attempts: 3, firstMs: 3_600_000, maxMs: 3_600_000 };
    const running = givenWorker(central, { batch: decide }, { retry, ratePerSecond: 1_000 });
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch', timeoutMs: 60_000 });
    expect(running.worker.tally.take()).toMatchObject({ done: 700, putOff: 200, dead: 100 });
  });

  test('a batch of which so much fails that it is cut is counted once', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 6_000);
    const running = givenWorker(
      central,
      {
        async event(event, { client }) {
          await client.query('select 1');
          if (numberOf(event) % 2 === 0) throw new Error('boom');
        },
      },
      { retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch', timeoutMs: 90_000 });
    const { calls: _calls, delivered, ...counted } = running.worker.tally.take() ?? {};
    expect(counted).toEqual({ done: 3_000, putOff: 0, dead: 3_000 });
    expect(delivered?.whole.counts.reduce((sum, count) => sum + count, 0)).toBe(6_000);
    expect(running.messages.some(({ type }) => type === 'advanced')).toBe(true);
  });
});
