import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/handler/contract.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { GROUP, givenWorkerCentral } from '../../support/workers/worker-central.ts';

const ONCE = { retry: { attempts: 1, firstMs: 10, maxMs: 50 } };
const numberOf = (event: Event): number => event.json<{ n: number }>().n;

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('workers/child without a transaction: time, progress, and the end of a worker', () => {
  test('an event that takes long holds up neither its neighbours nor their progress', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 3_000);
    const { opened, open } = gate();
    let done = 0;
    const running = givenWorker(central, {
      transaction: false,
      concurrency: 5,
      async event(event) {
        if (numberOf(event) === 2_000) await opened;
        else done += 1;
      },
    });
    await central.tick('orders');
    await until(() => done >= 2_500, { what: 'what is read ahead' });
    const [{ last } = { last: 0 }] = await until(
      async () => {
        const rows = await central.query<{ last: number }>(
          'select last_event_id as last from tributary.narrowing where last_event_id is not null',
        );
        return rows.length > 0 && rows;
      },
      { what: 'progress' },
    );
    // Ids begin behind 1, events at 1; what is at work is not passed.
    expect(last).toBeLessThan(2_003);
    open();
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(done).toBe(2_999);
  });

  test('progress is noted while the last event takes long', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 10);
    const { opened, open } = gate();
    const running = givenWorker(central, {
      transaction: false,
      concurrency: 3,
      event: (event) => (numberOf(event) === 10 ? opened : undefined),
    });
    await central.tick('orders');
    await until(
      async () => {
        const rows = await central.query<{ left: number }>(
          `select (select count(*)::int from pgq.event_1 e where e.ev_id > n.last_event_id) as left
             from tributary.narrowing n`,
        );
        return rows[0]?.left === 1;
      },
      { what: 'nine noted' },
    );
    open();
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(finished(running)[0]).toMatchObject({ events: 10 });
  });

  test('while a fatal event is searched for, a slice stays marked until all of it is done', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 20);
    await central.tick('orders');
    // Opened twice before, by workers that died.
    for (let opening = 1; opening <= 2; opening++)
      await central.query("select tributary.coop_next_batch('orders', $1, 'orders#1')", [GROUP]);
    const { opened, open } = gate();
    let begun = 0;
    const running = givenWorker(central, {
      transaction: false,
      concurrency: 3,
      event: (event) => (++begun && numberOf(event) === 20 ? opened : undefined),
    });
    await until(() => begun === 20, { what: 'all at work' });
    const from = performance.now();
    const marked = await until(
      async () => {
        const rows = await central.query(
          'select running_events as events, last_event_id as last from tributary.narrowing',
        );
        // Longer than what else would be noted in the meantime.
        return performance.now() - from > 3_500 && rows;
      },
      { what: 'some seconds of it' },
    );
    expect(marked).toEqual([{ events: 20, last: null }]);
    open();
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(await central.query('select * from tributary.narrowing')).toEqual([]);
  });

  test('a call that exceeds its time fails alone, the others of its batch go on, the worker is replaced', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 50);
    const seen: number[] = [];
    let isAborted = false;
    const running = givenWorker(
      central,
      {
        transaction: false,
        concurrency: 4,
        async event(event, { signal }) {
          const n = numberOf(event);
          if (n === 7) {
            signal.addEventListener('abort', () => {
              isAborted = true;
            });
            await new Promise(() => {});
          }
          seen.push(n);
        },
      },
      { ...ONCE, timeoutMs: 200 },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(isAborted).toBe(true);
    expect(running.worker.hasOverrun).toBe(true);
    expect(seen.sort((a, b) => a - b)).toEqual(numbers(50).filter((n) => n !== 7));
    const [dead] = await central.query<{ error: string }>('select error from tributary.dead_event');
    expect(dead?.error).toMatch(/^The handler took longer than 200 ms\./);
  });

  test('while draining it begins no more events, waits for those at work, and hands the rest back', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 200);
    const { opened, open } = gate();
    const first: number[] = [];
    const begun: number[] = [];
    const one = givenWorker(central, {
      transaction: false,
      concurrency: 3,
      async event(event) {
        begun.push(numberOf(event));
        if (numberOf(event) > 100) await opened;
        first.push(numberOf(event));
      },
    });
    await central.tick('orders');
    await until(() => begun.length === 103, { what: 'three at work' });
    const stopped = one.stop();
    await sleep(50);
    expect(first).toHaveLength(100);
    open();
    await stopped;
    expect(begun).toEqual(numbers(103));
    expect(first).toHaveLength(103);
    expect(one.messages.at(-1)).toMatchObject({
      type: 'gaveUp',
      sentence: expect.stringContaining('The worker has to end after 103 events of the batch'),
    });
    const second: number[] = [];
    const two = givenWorker(
      central,
      { transaction: false, event: (event) => void second.push(numberOf(event)) },
      { slot: 'orders#2' },
    );
    await until(() => finished(two).length === 1, { what: 'the rest' });
    expect(second).toEqual(numbers(200).slice(103));
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
    expect(await central.query('select * from tributary.attempt')).toEqual([]);
  });

  test('a batch that is handed back again and again is not taken for one that kills its workers', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 5_000);
    await central.tick('orders');
    const openings: number[] = [];
    const seen: number[] = [];
    for (let round = 1; round <= 5; round++) {
      const before = seen.length;
      const running = givenWorker(
        central,
        {
          transaction: false,
          concurrency: 20,
          async event(event) {
            await sleep(1);
            seen.push(numberOf(event));
          },
        },
        { slot: `orders#${round}` },
      );
      await until(() => seen.length > before + 30, { what: 'some events' });
      await running.stop();
      for (const message of running.messages) if (message.type === 'opened') openings.push(message.openings);
    }
    expect(openings).toEqual([1, 2, 2, 2, 2]);
    const last = givenWorker(
      central,
      { transaction: false, event: (event) => void seen.push(numberOf(event)) },
      { slot: 'orders#9' },
    );
    await until(() => finished(last).length === 1, { what: 'the rest' });
    expect(seen.sort((a, b) => a - b)).toEqual(numbers(5_000));
  });

  test('on a stop at once, events whose calls do not return count neither as failed nor as done', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 10);
    let atWork = 0;
    const one = givenWorker(
      central,
      {
        transaction: false,
        concurrency: 4,
        async event(event, { signal }) {
          atWork += 1;
          const n = numberOf(event);
          if (n === 2) await new Promise(() => {});
          if (n === 3)
            await new Promise((_resolve, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason)),
            );
          if (n === 4)
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          if (n >= 5) await new Promise(() => {});
        },
      },
      ONCE,
    );
    await central.tick('orders');
    await until(() => atWork === 5, { what: 'four at work behind the first' });
    one.worker.stopNow();
    await one.stop();
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
    const second: number[] = [];
    const two = givenWorker(
      central,
      { transaction: false, event: (event) => void second.push(numberOf(event)) },
      { slot: 'orders#2' },
    );
    await until(() => finished(two).length === 1, { what: 'the rest' });
    expect(second).toEqual(numbers(10).slice(1));
  });

  test('a connection that is cut in the middle: calls at work end before the batch begins anew, behind what is noted', async () => {
    const central = await givenWorkerCentral(['orders', 'emails']);
    await central.produce('orders', 400);
    const seen = new Set<number>();
    let atWork = 0;
    let most = 0;
    let calls = 0;
    const running = givenWorker(
      central,
      {
        transaction: false,
        concurrency: 6,
        async event(event, { send }) {
          calls += 1;
          most = Math.max(most, ++atWork);
          await sleep(20);
          seen.add(numberOf(event));
          send('emails', { data: event.data });
          atWork -= 1;
        },
      },
      { centralQueues: { emails: 'extra4' } },
    );
    await central.tick('orders');
    for (const part of [60, 150, 250]) {
      await until(() => seen.size > part, { what: `${part} events` });
      await central.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'tributary orders#1'",
      );
    }
    await until(() => finished(running).length === 1, { what: 'the batch' });
    expect(seen.size).toBe(400);
    expect(most).toBe(6);
    expect(calls).toBeLessThan(1_600);
    const [sent] = await central.query(
      'select count(*)::int as events, count(distinct ev_extra4)::int as roots from pgq.event_2',
    );
    expect(sent).toEqual({ events: 400, roots: 400 });
  });

  test('after a batch went to another worker nothing counts that the first one decides', async () => {
    const central = await givenWorkerCentral(['orders', 'emails']);
    await central.produce('orders', 3);
    const { opened, open } = gate();
    const centralQueues = { emails: 'extra4' } as const;
    const slow = givenWorker(
      central,
      {
        transaction: false,
        async event(event, { send, dead }) {
          send('emails', { type: 'slow' });
          dead(event, 'not mine');
          await opened;
        },
      },
      { centralQueues },
    );
    await central.tick('orders');
    await until(() => slow.messages.some(({ type }) => type === 'opened'), { what: 'the batch' });
    await central.query(
      'update pgq.subscription set sub_active = to_timestamp(0) where sub_batch is not null',
    );
    const other = givenWorker(
      central,
      { transaction: false, event: (_event, { send }) => send('emails', { type: 'other' }) },
      { slot: 'orders#2', centralQueues },
    );
    await until(() => finished(other).length === 1, { what: 'the takeover' });
    open();
    await until(() => slow.messages.some(({ type }) => type === 'gaveUp'), { what: 'the loser' });
    expect(await central.query('select ev_type as type from pgq.event_2')).toEqual(
      Array.from({ length: 3 }, () => ({ type: 'other' })),
    );
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
    expect(await central.query('select * from tributary.narrowing')).toEqual([]);
  });
});
