// What handlers of each kind publish, by workers in this process: with the effects of their events, or not at all.
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

interface Published {
  readonly channel: string;
  readonly type: string | null;
  readonly data: unknown;
  /** Whether what its transaction wrote is what handlers write for it. */
  readonly xid: string;
}

const published = async (central: WorkerCentral): Promise<Published[]> =>
  await central.query<Published>(
    'select channel, type, data::json as data, xid::text from tributary.published order by id',
  );

const data = (rows: readonly Published[]) => rows.map((row) => row.data);

describe('workers/child publish', () => {
  test('an event publishes with its effects, in one transaction; one that fails publishes when it succeeds', async () => {
    const central = await givenWorkerCentral();
    await central.query('create table written (n int, xid bigint default txid_current())');
    await central.produce('orders', 5);
    const running = givenWorker(central, {
      async event(event, { client, publish }) {
        const { n } = event.json<{ n: number }>();
        publish(`n:${n}`, { n, at: 'first' }, { type: 'written' });
        await client.query('insert into written (n) values ($1)', [n]);
        if (n === 3 && event.retry === 0) throw new Error('not yet');
        publish(`n:${n}`, { n, at: 'second' });
      },
    });
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(data(await published(central))).toEqual(
      [1, 2, 4, 5].flatMap((n) => [
        { n, at: 'first' },
        { n, at: 'second' },
      ]),
    );
    await until(
      async () => {
        await central.tick('orders');
        return (await published(central)).length === 10;
      },
      { what: 'the other try' },
    );
    const rows = await published(central);
    expect(rows.slice(0, 2).map(({ channel, type }) => [channel, type])).toEqual([
      ['n:1', 'written'],
      ['n:1', null],
    ]);
    // What was written for it has the same transaction.
    expect(
      await central.query(
        `select count(*)::int as n from tributary.published p join written w on w.n = (p.data::json ->> 'n')::int and w.xid = p.xid`,
      ),
    ).toEqual([{ n: 10 }]);
  });

  test('a batch publishes what the calls said that went well', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 8);
    const running = givenWorker(central, {
      batch(events, { publish }) {
        const all = events.map((event) => event.json<{ n: number }>().n);
        publish('batches', all);
        if (all.includes(5)) throw new Error('not this one');
        for (const event of events) publish('events', event.json(), { from: event });
      },
    });
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    const rows = await published(central);
    const of = (channel: string) => data(rows.filter((row) => row.channel === channel));
    expect(of('events')).toEqual([1, 2, 3, 4, 6, 7, 8].map((n) => ({ n })));
    expect(of('batches').flat()).toEqual([1, 2, 3, 4, 6, 7, 8]);
  });

  test.each([
    ['event', 1],
    ['event', 4],
    ['batch', 1],
  ] as const)(
    'a free handler, %s, %d at a time, publishes with what counts the call as done',
    async (kind, concurrency) => {
      const central = await givenWorkerCentral();
      await central.produce('orders', 6);
      const running = givenWorker(
        central,
        kind === 'batch'
          ? {
              transaction: false,
              batch(events, { publish }) {
                for (const event of events) publish('all', event.json(), { from: event });
                publish('all', { n: 'end' });
              },
            }
          : {
              transaction: false,
              concurrency,
              async event(event, { publish }) {
                const { n } = event.json<{ n: number }>();
                publish('all', { n });
                if (n === 2 && event.retry === 0) throw new Error('not yet');
              },
            },
      );
      await central.tick('orders');
      await until(() => finished(running).length === 1, { what: 'the batch' });
      const expected = kind === 'batch' ? [...numbers(6), 'end'] : [1, 3, 4, 5, 6];
      expect(data(await published(central))).toEqual(expected.map((n) => ({ n })));
    },
  );

  test('what cannot be published fails its event, with a sentence', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 1);
    givenWorker(
      central,
      { event: (_event, { publish }) => publish('', 1) },
      { retry: { attempts: 1, firstMs: 1, maxMs: 1 } },
    );
    await central.tick('orders');
    const [row] = await until(
      async () => {
        const rows = await central.query<{ error: string }>('select error from tributary.dead_event');
        return rows.length > 0 && rows;
      },
      { what: 'its death' },
    );
    expect(row?.error).toBe('The name of a channel must be a text such as `order:42`.');
    expect(await published(central)).toEqual([]);
  });

  test('progress is seen while the handler runs, outside of its transaction, and a few times a second at most', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 1);
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let calls = 0;
    const running = givenWorker(central, {
      async event(event, { client, progress, publish }) {
        await client.query('insert into effect (n) values (0)');
        progress(0, 1_000, 'on the channel of its origin');
        publish('job', 'done');
        // As often as it likes.
        while ((await published(central)).length < 3) {
          calls += 1;
          progress(calls, 1_000_000, 'on the channel that it publishes on');
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await held;
        progress(9, 9, 'too late: the call is over', { channel: 'other' });
        return event.id;
      },
    });
    await central.tick('orders');
    await until(async () => (await published(central)).length >= 3, { what: 'what it says' });
    expect(await central.effects()).toEqual([]);
    go();
    await until(() => finished(running).length === 1, { what: 'the batch' });
    const rows = await published(central);
    expect(rows.slice(0, 3).map(({ channel, type }) => [channel, type])).toEqual([
      ['s:orders:1', 'progress'],
      ['job', 'progress'],
      ['job', 'progress'],
    ]);
    expect(rows[0]?.data).toEqual({ done: 0, total: 1_000, text: 'on the channel of its origin' });
    expect(calls).toBeGreaterThan(5);
    expect(rows.at(-1)).toMatchObject({ channel: 'job', type: null, data: 'done' });
    expect(rows.length).toBeLessThanOrEqual(6);
  });
});
