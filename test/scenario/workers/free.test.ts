import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/handler/contract.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const ONCE = { retry: { attempts: 1, firstMs: 10, maxMs: 50 } };
const centralQueues = { orders: 'extra4', emails: 'extra4' } as const;

const numberOf = (event: Event): number => event.json<{ n: number }>().n;

/** What the worker's backends are doing, as the server sees it. */
const workersBackends = (central: WorkerCentral) =>
  central.query<{ state: string; xmin: string | null }>(
    `select state, backend_xmin::text as xmin from pg_stat_activity
      where datname = current_database() and application_name like 'tributary orders#%'`,
  );

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('workers/child without a transaction', () => {
  test('no transaction is open while the handler runs, and the batch is finished behind it', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 20);
    const { opened, open } = gate();
    const seen: number[] = [];
    const running = givenWorker(central, {
      transaction: false,
      async event(event) {
        seen.push(numberOf(event));
        if (seen.length === 10) await opened;
      },
    });
    await central.tick('orders');
    await until(() => seen.length === 10, { what: 'the handler at work' });
    expect(await workersBackends(central)).toEqual([{ state: 'idle', xmin: null }]);
    expect(await central.query('select 1 from pgq.subscription where sub_batch is not null')).toHaveLength(1);
    open();
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(seen).toEqual(numbers(20));
    expect(finished(running)[0]).toMatchObject({ events: 20, putOff: 0, dead: 0 });
    expect(await central.query('select 1 from pgq.subscription where sub_batch is not null')).toEqual([]);
    expect(await central.query('select * from tributary.narrowing')).toEqual([]);
  });

  test('an event that throws is retried alone and becomes dead after its tries; retry() and dead() work as with a transaction', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 10);
    const attempts: Record<number, number[]> = {};
    let postponed = 0;
    const running = givenWorker(central, {
      transaction: false,
      event(event, { attempt, dead, retry }) {
        const n = numberOf(event);
        attempts[n] = [...(attempts[n] ?? []), attempt];
        if (n === 3 && attempt < 3) throw new Error('not yet');
        if (n === 4) throw new Error('never');
        if (n === 5 && ++postponed < 3) retry(event, { after: '10ms' });
        if (n === 6) dead(event, 'of no use');
      },
    });
    await until(
      async () => {
        await central.tick('orders');
        return attempts[3]?.length === 3 && attempts[4]?.length === 3 && attempts[5]?.length === 3;
      },
      { what: 'all tries' },
    );
    await until(async () => (await central.query('select 1 from tributary.attempt')).length === 0, {
      what: 'the last commit',
    });
    expect(attempts).toEqual({
      ...Object.fromEntries(numbers(10).map((n) => [n, [1]])),
      3: [1, 2, 3],
      4: [1, 2, 3],
      5: [1, 1, 1],
    });
    expect(
      await central.query('select origin, error, attempts from tributary.dead_event order by ev_id'),
    ).toEqual([
      { origin: 's:orders:4', error: 'never', attempts: 3 },
      { origin: 's:orders:6', error: 'of no use', attempts: 1 },
    ]);
    await running.stop();
  });

  test('a client is refused with a sentence', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 1);
    const handler = {
      transaction: false as const,
      event: (_event: Event, context: object) => (context as { client: unknown }).client,
    };
    const running = givenWorker(central, handler, ONCE);
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(await central.query('select error from tributary.dead_event')).toEqual([
      {
        error:
          'A handler with `transaction: false` has no `client`: no transaction is open while it runs. Open a connection of your own, or leave `transaction: false` out.',
      },
    ]);
  });

  test('as many events as it says are at work at a time, each of them once', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 5_000);
    const seen: number[] = [];
    let atWork = 0;
    let most = 0;
    const running = givenWorker(central, {
      transaction: false,
      concurrency: 40,
      async event(event) {
        atWork += 1;
        most = Math.max(most, atWork);
        await new Promise(setImmediate);
        seen.push(numberOf(event));
        atWork -= 1;
      },
    });
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(most).toBe(40);
    expect(seen.sort((a, b) => a - b)).toEqual(numbers(5_000));
    expect(await central.query('select * from tributary.narrowing')).toEqual([]);
  });

  test('what an event sent is inserted with the progress behind it, and not at all when it fails', async () => {
    const central = await givenWorkerCentral(['orders', 'emails']);
    await central.produce('orders', 500);
    const got: string[] = [];
    const running = givenWorker(
      central,
      {
        transaction: false,
        concurrency: 10,
        async event(event, { send }) {
          const n = numberOf(event);
          send('emails', [{ data: { n } }, { data: { n } }]);
          await new Promise(setImmediate);
          if (n % 10 === 0) throw new Error('every tenth');
        },
      },
      { ...ONCE, centralQueues },
    );
    givenWorker(
      central,
      { event: ({ origin }) => void got.push(`${origin.shard}:${origin.queue}:${origin.id}`) },
      { queue: 'emails', slot: 'emails#1' },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1 && got.length === 900, { what: 'what was sent' });
    const expected = numbers(500).filter((n) => n % 10 !== 0);
    expect(got).toEqual(expected.flatMap((n) => [`s:orders:${n}`, `s:orders:${n}`]));
  });

  test('a sent event that cannot be inserted fails the event that sent it, and no other', async () => {
    const central = await givenWorkerCentral(['orders', 'emails']);
    await central.query('alter table pgq.event_2 add constraint short check (length(ev_data) < 20)');
    await central.produce('orders', 120);
    const running = givenWorker(
      central,
      {
        transaction: false,
        concurrency: 10,
        event: (event, { send }) =>
          send('emails', { data: [5, 77].includes(numberOf(event)) ? 'x'.repeat(50) : 'short' }),
      },
      { ...ONCE, centralQueues },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(await central.query('select origin from tributary.dead_event order by ev_id')).toEqual([
      { origin: 's:orders:5' },
      { origin: 's:orders:77' },
    ]);
    expect(await central.query('select 1 from pgq.event_2')).toHaveLength(118);
    expect(finished(running)[0]).toMatchObject({ events: 120, dead: 2 });
  });

  test('a batch handler without a transaction: in halves down to the event that throws', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 2_500);
    const sizes: number[] = [];
    const done: number[] = [];
    const running = givenWorker(
      central,
      {
        transaction: false,
        batch(events) {
          sizes.push(events.length);
          if (events.some((event) => numberOf(event) === 9)) throw new Error('not nine');
          done.push(...events.map(numberOf));
        },
      },
      ONCE,
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2_000);
    expect(done).toEqual(numbers(2_500).filter((n) => n !== 9));
    expect(await central.query('select origin from tributary.dead_event')).toEqual([
      { origin: 's:orders:9' },
    ]);
  });

  test('a batch of very many events is read in parts, and its progress kept', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 30_000);
    let done = 0;
    const progress = new Set<number>();
    const running = givenWorker(central, {
      transaction: false,
      concurrency: 20,
      async event() {
        done += 1;
        if (done % 5_000 !== 0) return;
        const rows = await central.query<{ last: number }>(
          'select last_event_id as last from tributary.narrowing',
        );
        for (const { last } of rows) progress.add(last);
      },
    });
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch', timeoutMs: 60_000 });
    expect(done).toBe(30_000);
    expect(progress.size).toBeGreaterThan(1);
  });

  test('a rate is kept without a transaction too', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 30);
    const starts: number[] = [];
    const running = givenWorker(
      central,
      { transaction: false, concurrency: 10, event: () => void starts.push(performance.now()) },
      { ratePerSecond: 20 },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(starts).toHaveLength(30);
    expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThan(900);
  });
});
