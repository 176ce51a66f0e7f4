import { describe, expect, test } from 'vitest';
import type { Handler } from '../../../src/handler/contract.ts';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

/** Each event gets one try. */
function givenFailingWorker(central: WorkerCentral, handler: Handler) {
  const running = givenWorker(central, handler, { retry: { attempts: 1, firstMs: 10, maxMs: 50 } });
  const untilFinished = () =>
    until(() => finished(running).some(({ events }) => events > 0), {
      what: 'the batch',
      timeoutMs: 60_000,
    });
  return { ...running, untilFinished };
}

const isBad = (n: number) => n % 10 === 7;

/** Each event has one effect, with the transaction that it is from, or is dead. */
async function assertEachOnce(central: WorkerCentral, count: number): Promise<void> {
  expect(await central.effects()).toEqual(numbers(count).filter((n) => !isBad(n)));
  const dead = await central.query<{ n: number }>(
    "select split_part(origin, ':', 3)::int as n from tributary.dead_event order by 1",
  );
  expect(dead.map(({ n }) => n)).toEqual(numbers(count).filter(isBad));
  expect(await central.query('select * from tributary.narrowing')).toEqual([]);
}

describe('workers/child where much fails', () => {
  test('a batch is cut between the events of different commits, and each event is done once', async () => {
    const central = await givenWorkerCentral();
    for (let from = 1; from <= 1_200; from += 25) await central.produce('orders', 25, { from });
    const calls = new Map<number, number>();
    const { untilFinished } = givenFailingWorker(central, {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        calls.set(n, (calls.get(n) ?? 0) + 1);
        await client.query('insert into effect (n, slot) values ($1, pg_current_xact_id()::text)', [n]);
        if (isBad(n)) throw new Error('every tenth');
      },
    });
    await central.tick('orders');
    await untilFinished();
    await assertEachOnce(central, 1_200);
    const parts = await central.query('select slot from effect group by slot');
    expect(parts.length).toBeGreaterThan(2);
    const parted = await central.query(
      'select (n - 1) / 25 from effect group by 1 having count(distinct slot) > 1',
    );
    expect(parted).toEqual([]);
    expect([...calls.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(1_200 * 1.5);
    expect(Math.max(...calls.values())).toBeLessThan(6);
  });

  test('a batch too large for memory is cut as well, and goes on behind each cut', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 21_000);
    const { untilFinished } = givenFailingWorker(central, {
      async batch(events, { client }) {
        const all = events.map((event) => event.json<{ n: number }>().n);
        await client.query('insert into effect (n) select unnest($1::int[])', [all]);
        if (all.some((n) => isBad(n) && n > 19_000)) throw new Error('every tenth of the last ones');
        if (all.some((n) => isBad(n) && n % 400 === 7)) throw new Error('some of the others');
      },
    });
    await central.tick('orders');
    await untilFinished();
    const dead = await central.query(
      "select split_part(origin, ':', 3)::int as n from tributary.dead_event order by 1",
    );
    const bad = numbers(21_000).filter((n) => isBad(n) && (n > 19_000 || n % 400 === 7));
    expect(dead.map(({ n }) => n)).toEqual(bad);
    expect(await central.effects()).toEqual(numbers(21_000).filter((n) => !bad.includes(n)));
  });

  test('after a cut a lost connection repeats only the events behind the cut', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 1_000);
    let isCut = false;
    const first: number[] = [];
    const { messages, untilFinished } = givenFailingWorker(central, {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        if (isCut && first.length < 1) first.push(n);
        await client.query('insert into effect (n) values ($1)', [n]);
        if (isBad(n)) throw new Error('every tenth');
        if (n !== 800 || isCut) return;
        isCut = true;
        await client.query('select pg_terminate_backend(pg_backend_pid())');
      },
    });
    await central.tick('orders');
    await untilFinished();
    expect(messages.filter(({ type }) => type === 'gaveUp')).toHaveLength(1);
    expect(first[0]).toBeGreaterThan(300);
    await assertEachOnce(central, 1_000);
  });
});
