// Calls of a producer: answered by workers in this process, over a real stream.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import type { Event, FreeContext, Handler } from '../../../src/handler/contract.ts';
import { addLive, LIVE_PATH } from '../../../src/http/live/routes.ts';
import { LiveStreams } from '../../../src/http/live/streams.ts';
import { HttpServer } from '../../../src/http/server/server.ts';
import { createProducer } from '../../../src/producer/producer.ts';
import { givenWorker, type WorkerOverrides } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral } from '../../support/workers/worker-central.ts';

const KEY = 'a key of some length';

/** A queue on central, whose events are inserted there directly, and a worker of it. */
async function given(handler: Handler, overrides: WorkerOverrides = {}) {
  const central = await givenWorkerCentral();
  const streams = new LiveStreams({ central: central.database, applicationName: 'live', most: 100 });
  const http = { host: '127.0.0.1', port: 0, actions: false, live: { key: KEY, origins: [], streams: 100 } };
  const server = new HttpServer({
    ...{ address: { host: '127.0.0.1', port: 0 }, pages: {}, ownChecks: [LIVE_PATH] },
    more: (app, tools) => addLive(app, { ...tools, streams, config: { http } as Pick<Config, 'http'> }),
  });
  await server.listen();
  onTestFinished(async () => {
    await Promise.all([streams.close(), server.close()]);
  });
  givenWorker(central, handler, { hasResults: true, ...overrides });
  const connection = await central.connect();
  const on = {
    query: async (text: string, values: readonly unknown[]) => ({
      rows: await connection.query(text, values),
    }),
  };
  const calls = { shard: '@central', on, url: server.url, key: KEY };
  const ticking = setInterval(() => void central.tick('orders').catch(() => {}), 50);
  onTestFinished(() => clearInterval(ticking));
  return { central, calls, producer: createProducer({ calls }) };
}

const of = (error: unknown) => error as Error & { readonly code: string };

describe('producer/calls', () => {
  test.each([
    ['in the transaction', {}],
    ['without one', { transaction: false }],
  ] as const)(
    'an event handler %s answers with what it returns, or with the error that its event died of',
    async (_what, more) => {
      const { central, producer } = await given(
        {
          ...more,
          async event(event: Event, { dead }: FreeContext) {
            const { n } = event.json<{ n: number }>();
            if (n === 1) throw new Error('There is no such picture');
            if (n === 2) dead(event, 'Too large');
            if (n === 3 && event.retry === 0) throw new Error('not yet');
            return n === 4 ? undefined : { n, half: n / 2 };
          },
        } as Handler,
        { retry: { attempts: 2, firstMs: 1, maxMs: 1 } },
      );
      const ask = (n: number) => producer.call('orders', { n }, { timeout: '60s' });
      expect(await ask(0)).toEqual({ n: 0, half: 0 });
      expect(await ask(4)).toBeNull();
      expect(await ask(3)).toEqual({ n: 3, half: 1.5 });
      const [missing, large] = [await ask(1).catch(of), await ask(2).catch(of)];
      expect([missing, large]).toMatchObject([
        { code: 'call-failed', message: expect.stringContaining('There is no such picture') },
        { code: 'call-failed', message: expect.stringContaining('Too large') },
      ]);
      const dead = await central.query<{ n: number }>('select count(*)::int as n from tributary.dead_event');
      expect(dead).toEqual([{ n: 2 }]);
    },
  );

  test('a batch handler answers each of its events, by an array, or all with null', async () => {
    const { producer } = await given({
      batch: (events) => events.map((event) => event.json<number>() * 2),
    });
    expect(await Promise.all([1, 2, 3].map((n) => producer.call('orders', n)))).toEqual([2, 4, 6]);
    const other = await given({ batch: () => 'done' });
    expect(await other.producer.call('orders', 1)).toBeNull();
  });

  test('one that is still at work says so with its origin, and is answered later, also to somebody else', async () => {
    let finish = () => {};
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { calls, producer } = await given(
      { event: () => held.then(() => 'at last') },
      { timeoutMs: 60_000 },
    );
    const late = await producer.call('orders', 1, { timeout: '300ms' }).catch(of);
    expect(late).toMatchObject({ code: 'call-at-work' });
    const [, origin = ''] =
      /^The call is still at work, its origin is (@central:orders:\d+)\./.exec(
        String((late as Error).message),
      ) ?? [];
    const waiting = producer.result(origin);
    finish();
    expect(await waiting).toBe('at last');
    expect(await createProducer({ calls }).result(origin)).toBe('at last');
  });

  test('what cannot be asked or waited for is said', async () => {
    const { calls, producer } = await given({ event: () => 1 });
    const wrongKey = createProducer({ calls: { ...calls, key: 'another one' } });
    expect(await wrongKey.call('orders', 1).catch(of)).toMatchObject({
      code: 'call-refused',
      message: expect.stringContaining('The token is not for channel'),
    });
    const nobody = createProducer({ calls: { ...calls, url: 'http://127.0.0.1:9' } });
    expect(await nobody.call('orders', 1, { timeout: '400ms' }).catch(of)).toMatchObject({
      code: 'call-at-work',
      message: expect.stringMatching(/Nobody answers at http:\/\/127\.0\.0\.1:9\/live/),
    });
    expect(await producer.call('nothing', 1).catch(of)).toMatchObject({ code: 'producer-queue' });
    const mistakes: readonly [() => unknown, RegExp][] = [
      [() => createProducer({ calls: { ...calls, url: 'here' } }), /must be where Tributary serves HTTP/],
      [() => createProducer({ calls: { ...calls, shard: '' } }), /`calls.shard` is missing/],
      [() => createProducer({ calls: { ...calls, on: {} as never } }), /must have `query/],
      [() => createProducer({ calls: { ...calls, shards: 1 } as never }), /knows no `shards`/],
    ];
    for (const [make, sentence] of mistakes) expect(make).toThrow(sentence);
    const asked: readonly [() => Promise<unknown>, RegExp][] = [
      [() => producer.call('', 1), /The name of the queue is missing/],
      [() => producer.call('orders', 1n), /`data` of an event is no JSON/],
      [
        () => producer.call('orders', 1, { timeout: 5 as never }),
        /`timeout` of a call needs a unit: write `5s`/,
      ],
      [() => producer.call('orders', 1, { timeout: '30d' }), /`timeout` of a call must be at most 24 days/],
      [
        () => producer.call('orders', 1, { signal: {} as never }),
        /`signal` of a call must be an AbortSignal/,
      ],
      [() => producer.call('orders', 1, { signal: AbortSignal.abort(new Error('no more')) }), /no more/],
      [
        () => producer.result('orders:1'),
        /`result` takes an origin such as `app_017:resize:42`, not `orders:1`/,
      ],
      [() => producer.result(7 as never), /takes an origin/],
    ];
    for (const [ask, sentence] of asked) await expect(ask()).rejects.toThrow(sentence);
    expect(await producer.call('orders', 1, { timeout: '5' }).catch(of)).toMatchObject({
      message: expect.stringContaining('`timeout` of a call needs a unit'),
    });
  });
});
