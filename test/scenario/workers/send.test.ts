import { describe, expect, test } from 'vitest';
import { readCentralEvents } from '../../../src/proof/origins.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const centralQueues = { orders: 'extra4', emails: 'extra4', audit: 'extra1', plain: 'none' } as const;

const givenQueues = () => givenWorkerCentral(['orders', 'emails', 'audit', 'plain']);

/** What is in a queue's event tables, in order. */
const contents = async (central: WorkerCentral, queue: string) => {
  const [row] = await central.query<{ pfx: string }>(
    'select queue_data_pfx as pfx from pgq.queue where queue_name = $1',
    [queue],
  );
  return await central.query<Record<string, string | number | null>>(
    `select ev_id as id, ev_type as type, ev_data as data, ev_extra1 as extra1, ev_extra4 as extra4 from ${row?.pfx} order by ev_id`,
  );
};

describe('workers/child send', () => {
  test('one event expands into many, in order, in the transaction that finishes the batch; the next worker sees them at once', async () => {
    const central = await givenQueues();
    await central.produce('orders', 3);
    const got: { n: number; origin: string; root: string }[] = [];
    givenWorker(
      central,
      {
        event(event) {
          const { n } = event.json<{ n: number }>();
          const { origin } = event;
          got.push({ n, origin: String(origin), root: `${origin.shard}:${origin.queue}:${origin.id}` });
        },
      },
      { queue: 'emails', slot: 'emails#1' },
    );
    givenWorker(
      central,
      {
        async event(event, { send, client }) {
          const { n } = event.json<{ n: number }>();
          send('emails', { type: 'first', data: { n: n * 10 } });
          send('emails', [{ data: JSON.stringify({ n: n * 10 + 1 }) }, { data: { n: n * 10 + 2 } }]);
          await client.query('insert into effect (n) values ($1)', [n]);
        },
      },
      { centralQueues },
    );
    await central.tick('orders');
    // Nobody ticks emails but the worker that sent.
    await until(() => got.length === 9, { what: 'what was sent' });
    expect(got.map(({ n }) => n)).toEqual([10, 11, 12, 20, 21, 22, 30, 31, 32]);
    const rows = await contents(central, 'emails');
    expect(rows.map(({ extra4 }) => extra4)).toEqual(
      [1, 1, 1, 2, 2, 2, 3, 3, 3].map((n) => `s:orders:${n}>`),
    );
    expect(got.map(({ origin }) => origin)).toEqual(rows.map(({ id, extra4 }) => `${extra4}emails:${id}`));
    expect(new Set(got.map(({ origin }) => origin)).size).toBe(9);
    expect(got.map(({ root }) => root)).toEqual(rows.map(({ extra4 }) => String(extra4).slice(0, -1)));
    expect(rows[0]).toMatchObject({ type: 'first', data: '{"n":10}', extra1: null });
    // A proof compares with the shards, where these have never been.
    const connection = await central.connect();
    expect(await readCentralEvents(connection, { queue: 'emails' })).toEqual([]);
    expect(await readCentralEvents(connection, { queue: 'orders' })).toHaveLength(3);
  });

  test('one event may become very many', async () => {
    const central = await givenQueues();
    await central.produce('orders', 1);
    const running = givenWorker(
      central,
      {
        event(_event, { send }) {
          send(
            'emails',
            Array.from({ length: 10_000 }, (_, at) => ({ type: String(at), data: 'x'.repeat(1_000) })),
          );
        },
      },
      { centralQueues },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    const types = (await contents(central, 'emails')).map(({ type }) => Number(type));
    expect(types).toEqual(Array.from({ length: 10_000 }, (_, at) => at));
  });

  test('the chain of origins goes on from queue to queue, in the column of each', async () => {
    const central = await givenQueues();
    await central.produce('orders', 1);
    const chains: string[] = [];
    const steps: unknown[] = [];
    const pass = (to: string) => ({
      event: (event: { data: string | null }, { send }: { send(queue: string, event: object): void }) =>
        send(to, { data: event.data }),
    });
    givenWorker(central, pass('audit'), { centralQueues });
    givenWorker(central, pass('plain'), {
      queue: 'audit',
      slot: 'audit#1',
      origin: 'extra1',
      centralQueues,
    });
    givenWorker(
      central,
      {
        event({ origin }) {
          chains.push(String(origin));
          steps.push(origin.steps);
        },
      },
      { queue: 'plain', slot: 'plain#1', origin: 'none', centralQueues },
    );
    await central.tick('orders');
    await until(() => chains.length === 1, { what: 'the end of the chain' });
    const [audit] = await contents(central, 'audit');
    const [plain] = await contents(central, 'plain');
    expect(audit).toMatchObject({ extra1: 's:orders:1>', extra4: null });
    // A queue that keeps no origins begins anew.
    expect(plain).toMatchObject({ extra1: null, extra4: null });
    expect(chains).toEqual([`@central:plain:${plain?.id}`]);
    expect(steps).toEqual([[]]);
  });

  test('what an event sent is rolled back when it throws, and comes once when another event throws', async () => {
    const central = await givenQueues();
    await central.produce('orders', 50);
    const calls: number[] = [];
    const running = givenWorker(
      central,
      {
        async event(event, { client, send, retry }) {
          const { n } = event.json<{ n: number }>();
          calls.push(n);
          send('emails', { data: { n } });
          if (n % 2 === 0) await client.query('insert into effect (n) values ($1)', [n]);
          if (n === 20) throw new Error('never');
          if (n === 30) retry(event, { after: '1h' });
        },
      },
      { centralQueues, retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    // Neighbours were run again, and have sent once all the same.
    expect(calls.length).toBeGreaterThan(50);
    const sent = (await contents(central, 'emails')).map(({ data }) => JSON.parse(String(data)).n);
    expect(sent.sort((a, b) => a - b)).toEqual(numbers(50).filter((n) => n !== 20));
    expect(await central.query('select origin, error from tributary.dead_event')).toEqual([
      { origin: 's:orders:20', error: 'never' },
    ]);
  });

  test('a batch handler says which event each comes from, and its halves send each once', async () => {
    const central = await givenQueues();
    await central.produce('orders', 40);
    const refusals: string[] = [];
    const running = givenWorker(
      central,
      {
        batch(events, { send }) {
          try {
            send('emails', { type: 'nobody' });
          } catch (error) {
            refusals.push((error as Error).message);
          }
          for (const event of events) send('emails', { type: 'copy', data: event.data }, { from: event });
          if (events.some(({ id }) => id === events[0]?.id && event7(events))) throw new Error('not seven');
        },
      },
      { centralQueues, retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    const event7 = (events: readonly { json<T>(): T }[]) =>
      events.some((event) => event.json<{ n: number }>().n === 7);
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(refusals[0]).toBe(
      'A `batch` handler has to say which event the sent ones come from. Write `send(queue, events, { from: event })`.',
    );
    const origins = (await contents(central, 'emails')).map(({ extra4 }) => extra4);
    expect(origins.sort()).toEqual(
      numbers(40)
        .filter((n) => n !== 7)
        .map((n) => `s:orders:${n}>`)
        .sort(),
    );
  });

  test.each([
    ['email', {}, 'There is no central queue email in the file to send to. Did you mean emails?'],
    ['zzzzzzzzzz', {}, /There are: orders, emails, audit, plain\.$/],
    [
      'emails',
      { payload: 1 },
      /`payload` is no field of an event that is sent\. There are type, data, extra1/,
    ],
    [
      'emails',
      { extra4: 'mine' },
      /`extra4` of an event in queue emails carries its origin and cannot be set/,
    ],
    ['emails', { data: 'a\0b' }, /`data` of an event that is sent holds the character 0/],
    ['emails', { data: () => {} }, /`data` of an event that is sent is a function, which is no JSON/],
    ['emails', { data: Promise.resolve(1) }, /`data` of an event that is sent is a promise: wait for it/],
    ['emails', { type: 7 }, /`type` of an event that is sent must be text/],
    ['emails', 'text', /`send` takes an event such as/],
  ])('to %s, %j is refused with a sentence where it is sent', async (queue, event, sentence) => {
    const central = await givenQueues();
    await central.produce('orders', 2);
    const running = givenWorker(
      central,
      {
        event: (_event, { send }) => send(queue, event as object),
      },
      { centralQueues, retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    const dead = await central.query<{ error: string }>('select error from tributary.dead_event');
    expect(dead).toHaveLength(2);
    expect(dead[0]?.error).toMatch(sentence);
  });

  test('a queue that is in the file and not on central fails the event with what to do', async () => {
    const central = await givenQueues();
    await central.produce('orders', 1);
    const running = givenWorker(
      central,
      { event: (_event, { send }) => send('nowhere', {}) },
      { centralQueues: { nowhere: 'extra4' }, retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    ) as ReturnType<typeof givenWorker>;
    void running;
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(await central.query('select error from tributary.dead_event')).toEqual([
      { error: 'Queue nowhere does not exist on central: run `tributary install`.' },
    ]);
  });

  test('a queue that refuses one event fails that event alone', async () => {
    const central = await givenQueues();
    await central.query('alter table pgq.event_2 add constraint short check (length(ev_data) < 20)');
    await central
      .query('alter table pgq.event_2_0 add constraint short check (length(ev_data) < 20)')
      .catch(() => {});
    await central.produce('orders', 10);
    const running = givenWorker(
      central,
      {
        async event(event, { client, send }) {
          const { n } = event.json<{ n: number }>();
          await client.query('insert into effect (n) values ($1)', [n]);
          send('emails', { data: n === 4 ? 'x'.repeat(50) : 'short' });
        },
      },
      { centralQueues, retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(await central.effects()).toEqual(numbers(10).filter((n) => n !== 4));
    expect(await contents(central, 'emails')).toHaveLength(9);
    expect(await central.query('select sqlstate from tributary.dead_event')).toEqual([{ sqlstate: '23514' }]);
  });

  test('the transaction owns its id before PgQ is asked to choose a table', async () => {
    const central = await givenQueues();
    await central.query(`
      create or replace function pgq.insert_event(queue_name text, ev_type text, ev_data text, ev_extra1 text,
        ev_extra2 text, ev_extra3 text, ev_extra4 text) returns bigint language plpgsql as $$
      begin
        if pg_current_xact_id_if_assigned() is null then raise exception 'too early'; end if;
        return 1;
      end $$`);
    const [row] = await central.query<{ xid: number }>(
      "select tributary.send('emails', '{a}', '{b}', '{c}', '{d}', '{e}', '{f}') as xid",
    );
    expect(row?.xid).toBeGreaterThan(0);
  });
});
