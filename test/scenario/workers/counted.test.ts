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

  test.each([1, 300])(
    'of %i events that were kept for a day the delivery counts from when each was due, that of the others from when they were made',
    async (count) => {
      const central = await givenWorkerCentral();
      const running = givenWorker(central, { batch() {} });
      const produce = async (...makes: readonly string[]) => {
        const before = finished(running).length;
        for (const make of makes) await central.query(make);
        await central.tick('orders');
        await until(() => finished(running).length > before, { what: 'the batch', timeoutMs: 60_000 });
        return running.worker.tally.take()?.delivered;
      };
      // One by one they go with the message that opens the batch, many are read by themselves.
      for (let turn = 0; turn < 2; turn += 1) {
        const list = (value: string) => `array_fill(${value}, array[${count}])`;
        const delivered = await produce(
          `select tributary.send_delayed('orders', ${list('(extract(epoch from now()) - 20)::float8 * 1000')}, ${list('null::float8')},
             ${list("'later'::text")}, ${list("'{}'::text")}, ${[1, 2, 3, 4].map(() => list('null::text')).join(', ')})`,
          "update tributary.delayed set ev_time = now() - interval '1 day'",
          "select tributary.deliver_delayed('orders', 1000)",
        );
        for (const stage of [delivered?.toCentral, delivered?.whole]) {
          expect(stage?.counts.reduce((sum, one) => sum + one, 0)).toBe(count);
          expect((stage?.sum ?? 0) / count).toBeGreaterThanOrEqual(19.9);
          expect((stage?.sum ?? 0) / count).toBeLessThan(60);
        }
        expect((delivered?.toHandled.sum ?? 0) / count).toBeLessThan(20);
        const others = await produce(
          `select pgq.insert_event_raw('orders', nextval(queue_event_seq), now() - interval '1 day', null, null, 'test', '{}', null, null, null, null)
           from pgq.queue where queue_name = 'orders'`,
        );
        expect(others?.whole.sum).toBeGreaterThanOrEqual(86_400);
      }
    },
  );
});
