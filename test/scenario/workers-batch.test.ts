import { pino } from 'pino';
import { test as base, describe, expect, onTestFinished } from 'vitest';
import type { Handler } from '../../src/handler/contract.ts';
import { Worker } from '../../src/workers/child/worker.ts';
import type { Start, ToPrimary } from '../../src/workers/protocol.ts';
import { until } from '../support/until.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../support/worker-central.ts';

const test = base;

interface Running {
  readonly worker: Worker;
  readonly messages: ToPrimary[];
  stop(): Promise<void>;
}

function givenWorker(central: WorkerCentral, handler: Handler, overrides: Partial<Start> = {}): Running {
  const messages: ToPrimary[] = [];
  const worker = new Worker(
    {
      type: 'start',
      central: central.database,
      queue: 'orders',
      group: GROUP,
      slot: 'orders#1',
      handler: '',
      origin: 'extra4',
      timeoutMs: 5_000,
      retry: { attempts: 3, firstMs: 10, maxMs: 50 },
      deadAfterMs: 10_000,
      log: { level: 'silent', isPretty: false },
      ...overrides,
    },
    { handler, log: pino({ level: 'silent' }), send: (message) => messages.push(message) },
  );
  const ended = worker.run();
  const stop = async () => {
    await worker.stop();
    await ended;
  };
  onTestFinished(stop);
  return { worker, messages, stop };
}

const finished = ({ messages }: Running) =>
  messages.flatMap((message) => (message.type === 'finished' ? [message] : []));

describe('workers/child', () => {
  test('every event of a batch is handled once, in order, and the effects commit with the batch', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 1_000);
    const seen: number[] = [];
    const running = givenWorker(central, {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        seen.push(n);
        await client.query('insert into effect (n) values ($1)', [n]);
      },
    });
    await central.tick('orders');
    await until(() => finished(running).some(({ events }) => events > 0), { what: 'the batch' });
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1));
    expect(await central.effects()).toEqual(seen);
  });

  test('an event that throws is rolled back alone, tried again, and its neighbours commit once', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 100);
    const attempts: number[] = [];
    const running = givenWorker(central, {
      async event(event, { client, attempt }) {
        const { n } = event.json<{ n: number }>();
        await client.query('insert into effect (n) values ($1)', [n]);
        if (n !== 37) return;
        attempts.push(attempt);
        if (attempt < 3) throw new Error('not yet');
      },
    });
    await until(
      async () => {
        await central.tick('orders');
        return (await central.effects()).length === 100;
      },
      { what: 'all events' },
    );
    expect(attempts).toEqual([1, 2, 3]);
    expect(await central.effects()).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
    await running.stop();
    expect(await central.query('select * from tributary.attempt')).toEqual([]);
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
  });

  test('after its last attempt an event is dead, with error, stack, attempts and origin', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 10);
    givenWorker(central, {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        if (n === 4) await client.query('select 1 / 0');
        await client.query('insert into effect (n) values ($1)', [n]);
      },
    });
    const dead = await until(
      async () => {
        await central.tick('orders');
        return (await central.query('select * from tributary.dead_event'))[0];
      },
      { what: 'the dead event' },
    );
    expect(dead).toMatchObject({
      kind: 'handler',
      central_queue: 'orders',
      origin: 's:orders:4',
      ev_data: '{"n" : 4}',
      error: 'division by zero',
      sqlstate: '22012',
      attempts: 3,
    });
    expect(dead.stack).toContain('workers-batch.test');
    expect(await central.effects()).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10]);
  });
});
