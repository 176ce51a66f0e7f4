import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/handler/contract.ts';
import type { BatchEvent } from '../../../src/handler/event.ts';
import { TextRow } from '../../../src/workers/child/reading/event-rows.ts';
import {
  BatchTransaction,
  TooManySavepoints,
} from '../../../src/workers/child/transaction/batch-transaction.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral } from '../../support/workers/worker-central.ts';

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
    expect(dead.stack).toContain('batch.test');
    expect(await central.effects()).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10]);
  });

  test('a batch handler that throws is called again with halves, down to the event that throws', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 64);
    const sizes: number[] = [];
    givenWorker(central, {
      async batch(events, { client }) {
        sizes.push(events.length);
        const all = events.map((event) => event.json<{ n: number }>().n);
        await client.query('insert into effect (n) select unnest($1::int[])', [all]);
        if (all.includes(7) || all.includes(40)) throw new Error('not these');
      },
    });
    await until(
      async () => {
        await central.tick('orders');
        return (await central.query('select 1 from tributary.dead_event')).length === 2;
      },
      { what: 'two dead events' },
    );
    expect(sizes[0]).toBe(64);
    expect(await central.effects()).toEqual(numbers(64).filter((n) => n !== 7 && n !== 40));
  });

  test('a batch with more failures than a transaction has savepoints for is finished in parts', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 400);
    const running = givenWorker(
      central,
      {
        async batch(events, { client }) {
          const all = events.map((event) => event.json<{ n: number }>().n);
          await client.query('insert into effect (n) select unnest($1::int[])', [all]);
          if (all.some((n) => n % 4 === 0)) throw new Error('every fourth');
        },
      },
      { retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    await until(() => finished(running).length > 0, { what: 'the batch' });
    expect(await central.query('select 1 from tributary.dead_event')).toHaveLength(100);
    expect(await central.effects()).toEqual(numbers(400).filter((n) => n % 4 !== 0));
    expect(await central.query('select * from tributary.narrowing')).toEqual([]);
  });

  test('a transaction takes at most 50 savepoints; what comes after cannot be undone alone', async () => {
    const central = await givenWorkerCentral();
    const connection = await central.connect();
    const transaction = new BatchTransaction(connection, { idleLimitMs: 60_000, token: 1 });
    await transaction.begin();
    for (let n = 1; n <= 60; n++) {
      transaction.savepoint();
      await transaction.clientFor().query('insert into effect (n) values ($1)', [n]);
      if (n === 30) await transaction.rollBackToSavepoint();
    }
    expect(transaction.savepoints).toBe(50);
    await expect(transaction.rollBackToSavepoint()).rejects.toThrow(TooManySavepoints);
    await transaction.commit();
    expect(await central.effects()).toEqual(numbers(60).filter((n) => n !== 30));
  });

  test('an event that is run again because of another one has its data unchanged', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 10);
    let calls = 0;
    givenWorker(central, {
      async event(event, { client }) {
        const data = event.json<{ n: number }>();
        if (data.n === 1) calls += 1;
        if (data.n === 9) throw new Error('not nine');
        const before = data.n;
        data.n += 1_000;
        await client.query('insert into effect (n) values ($1)', [before]);
      },
    });
    await central.tick('orders');
    await until(async () => (await central.effects()).length === 9, { what: 'the others' });
    expect(calls).toBe(2);
    expect(await central.effects()).toEqual(numbers(10).filter((n) => n !== 9));
  });

  test('the server does not take a worker for dead whose calls send nothing for long', async () => {
    const central = await givenWorkerCentral();
    const connection = await central.connect();
    // Longer than this process may stand still on a busy machine.
    const idleLimitMs = 4_000;
    const transaction = new BatchTransaction(connection, { idleLimitMs, token: 1 });
    await transaction.begin();
    const beganMs = performance.now();
    while (performance.now() - beganMs < 1.1 * idleLimitMs) {
      await transaction.beforeCall();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await transaction.rows('select 1')).toEqual([['1']]);
    await transaction.rollBack();
  });

  test('a batch handler gets at most 2,000 events in a call, and all events in the end', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 4_500);
    const sizes: number[] = [];
    givenWorker(central, { batch: (events) => void sizes.push(events.length) });
    await central.tick('orders');
    await until(() => sizes.reduce((sum, size) => sum + size, 0) === 4_500, { what: 'all events' });
    expect(sizes).toEqual([2_000, 2_000, 500]);
  });

  test('the client refuses transaction control with a sentence, and only that event fails', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 3);
    const refusals: string[] = [];
    givenWorker(central, {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        await client.query('insert into effect (n) values ($1)', [n]);
        if (n !== 2) return;
        await client.query('insert into effect (n) values (99); commit').catch((error: Error) => {
          refusals.push(error.message);
          throw error;
        });
      },
    });
    await central.tick('orders');
    await until(async () => (await central.effects()).length === 2, { what: 'the neighbours' });
    expect(await central.effects()).toEqual([1, 3]);
    expect(refusals[0]).toBe(
      'COMMIT is refused: the client is inside the transaction that finishes the batch. To undo what was written for an event, throw; for a transaction of your own, open a connection of your own.',
    );
  });

  test('a failed statement fails its event, also where the handler caught the error or did not wait for it', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 4);
    givenWorker(
      central,
      {
        async event(event, { client }) {
          const { n } = event.json<{ n: number }>();
          await client.query('insert into effect (n) values ($1)', [n]);
          if (n === 2) await client.query('select 1 / 0').catch(() => {});
          if (n === 3) void client.query('select no_such_column');
        },
      },
      { retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    const dead = await until(
      async () => {
        const rows = await central.query('select ev_id, error from tributary.dead_event order by ev_id');
        return rows.length === 2 && rows;
      },
      { what: 'two dead events' },
    );
    expect(dead.map(({ error }) => error)).toEqual([
      'A statement of the handler failed, and the handler went on as if it had not. In PostgreSQL a failed statement undoes the whole transaction: let the error out of the handler.',
      'column "no_such_column" does not exist',
    ]);
    expect(await central.effects()).toEqual([1, 4]);
  });

  test('a handler that exceeds its time is aborted, its statement cancelled, its event put off, its worker replaced', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 3);
    let isAborted = false;
    const running = givenWorker(
      central,
      {
        async event(event, { client, signal }) {
          const { n } = event.json<{ n: number }>();
          await client.query('insert into effect (n) values ($1)', [n]);
          signal.addEventListener('abort', () => {
            isAborted = true;
          });
          if (n === 2) await client.query('select pg_sleep(600)');
        },
      },
      { timeoutMs: 300, retry: { attempts: 1, firstMs: 10, maxMs: 50 } },
    );
    await central.tick('orders');
    await until(() => running.worker.hasOverrun, { what: 'the overrun' });
    await running.stop();
    expect(isAborted).toBe(true);
    expect(await central.effects()).toEqual([1, 3]);
    expect(await central.query('select error from tributary.dead_event')).toEqual([
      {
        error:
          'The handler took longer than 300 ms. Raise `timeout:` of the queue, or give `context.signal` to what it waits for.',
      },
    ]);
  });

  test('retry() and dead() keep what was written; retry() counts no failure', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 3);
    let tries = 0;
    givenWorker(central, {
      async event(event, { client, retry, dead, attempt }) {
        const { n } = event.json<{ n: number }>();
        await client.query('insert into effect (n) values ($1)', [n]);
        if (n === 1 && ++tries < 5) retry(event, { after: '10ms' });
        if (n === 1) expect(attempt).toBe(1);
        if (n === 2) dead(event, 'of no use');
      },
    });
    await until(
      async () => {
        await central.tick('orders');
        return tries === 5;
      },
      { what: 'five tries' },
    );
    await until(async () => (await central.effects()).length === 7, { what: 'the last try' });
    expect(await central.effects()).toEqual([1, 1, 1, 1, 1, 2, 3]);
    expect(await central.query('select kind, error, origin from tributary.dead_event')).toEqual([
      { kind: 'handler', error: 'of no use', origin: 's:orders:2' },
    ]);
  });

  test('an event is the same whether it comes by COPY or by cursor', async () => {
    const central = await givenWorkerCentral();
    const odd = `select pgq.insert_event_raw('orders', null, t::timestamptz, null, r, $1, $2, e, '', null, 'x')
      from (values ('2026-11-21 08:15:17.123456+00', null, 'a'), ('1999-12-31 23:59:59.999999+02', 3, null),
                   ('infinity', 0, 'ü'), ('0044-03-15 12:00:00+00', 1, E'tab\\t')) v (t, r, e)`;
    await central.query(odd, ['Größe 🎉', '{"a": "ü🎉"}']);
    await central.query(odd, [null, '']);
    await central.tick('orders');
    const seen: Event[] = [];
    givenWorker(central, { batch: (events) => void seen.push(...events) });
    await until(() => seen.length === 8, { what: 'all events' });
    const texts = await central.query<Record<string, string>>(
      'select ev_id::text, ev_time::text, coalesce(ev_retry, 0)::text as retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_1 order by ev_id',
    );
    seen.forEach((event, at) => {
      const { ev_id = '', ev_time = '', retry = '', ...rest } = texts[at] ?? {};
      const { id, type, data, extra1, extra2, extra3, extra4 } = event;
      expect([id, event.retry, type, data, extra1, extra2, extra3, extra4]).toEqual([
        Number(ev_id),
        Number(retry),
        ...Object.values(rest),
      ]);
      const text = new TextRow([ev_id, ev_time]);
      expect(event.time).toEqual(text.time);
    });
    const times = await central.query<{ same: boolean }>(
      'select every(t::timestamptz = e.ev_time) as same from unnest($1::text[]) with ordinality u (t, n) join (select *, row_number() over (order by ev_id) as n from pgq.event_1) e using (n)',
      [seen.map((event) => (event as BatchEvent).row.timeText)],
    );
    expect(times).toEqual([{ same: true }]);
  });

  test('a batch of a few giant events, and one of very many events, are handled in constant memory', async () => {
    const central = await givenWorkerCentral();
    await central.query(
      "select pgq.insert_event('orders', 'big', repeat('x', 1000000)) from generate_series(1, 60)",
    );
    await central.tick('orders');
    let characters = 0;
    const calls: number[] = [];
    const running = givenWorker(central, {
      batch(events) {
        calls.push(events.length);
        for (const { data } of events) characters += data?.length ?? 0;
      },
    });
    await until(() => finished(running).length === 1, { what: 'the giants' });
    expect(characters).toBe(60_000_000);
    expect(Math.max(...calls)).toBeLessThanOrEqual(20);
    calls.length = 0;
    await central.produce('orders', 25_000);
    await central.tick('orders');
    await until(() => finished(running).length === 2, { what: 'the many' });
    expect(calls.reduce((sum, count) => sum + count, 0)).toBe(25_000);
  });

  test('a batch that another worker took over is rolled back here and finished there', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 2);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = givenWorker(central, {
      async event(event, { client }) {
        await client.query('insert into effect (n, slot) values ($1, $2)', [
          event.json<{ n: number }>().n,
          'slow',
        ]);
        await held;
      },
    });
    await central.tick('orders');
    await until(() => slow.messages.some(({ type }) => type === 'opened'), { what: 'the batch' });
    const connection = await central.connect();
    // Whoever takes the batch ends the backend that works under the old token.
    await central.query(
      'update pgq.subscription set sub_active = to_timestamp(0) where sub_batch is not null',
    );
    const other = givenWorker(
      central,
      {
        async event(event, { client }) {
          await client.query('insert into effect (n, slot) values ($1, $2)', [
            event.json<{ n: number }>().n,
            'other',
          ]);
        },
      },
      { slot: 'orders#2' },
    );
    await until(() => finished(other).length > 0, { what: 'the takeover' });
    release();
    await until(() => slow.messages.some(({ type }) => type === 'gaveUp'), { what: 'the loser' });
    expect(await connection.query('select n, slot from effect order by n')).toEqual([
      { n: 1, slot: 'other' },
      { n: 2, slot: 'other' },
    ]);
  });
});
