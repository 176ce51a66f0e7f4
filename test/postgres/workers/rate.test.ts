import { beforeAll, describe, expect, test } from 'vitest';
import { givenCentral } from '../../support/server/central-schema.ts';
import type { TestDatabase } from '../../support/server/database.ts';

let central: TestDatabase;

beforeAll(async () => {
  central = await givenCentral();
});

interface Answer {
  readonly granted: number;
  readonly wait_ms: number;
}

async function take(queue: string, events: number, perSecond: number): Promise<Answer> {
  const [row] = await central.query<Answer>('select granted, wait_ms from tributary.rate_take($1, $2, $3)', [
    queue,
    events,
    perSecond,
  ]);
  return row as Answer;
}

describe('tributary/rate_take', () => {
  test('an idle queue may start the events of a quarter of a second at once, then it waits', async () => {
    // In one statement: between two a busy machine lets more time pass than the second one has to wait.
    const [first, second] = await central.query<Answer>(
      "select t.granted, t.wait_ms from generate_series(0, 1) n, tributary.rate_take('orders', 1000 + 0 * n, 100) t order by n",
    );
    expect(first).toEqual({ granted: 25, wait_ms: 0 });
    expect(second?.granted).toBe(0);
    expect(second?.wait_ms).toBeGreaterThan(0);
    expect(second?.wait_ms).toBeLessThanOrEqual(75);
  });

  test('a slow rate grants one event, then none for its whole time', async () => {
    expect(await take('slow', 10, 10 / 3_600)).toEqual({ granted: 1, wait_ms: 0 });
    const { granted, wait_ms } = await take('slow', 10, 10 / 3_600);
    expect(granted).toBe(0);
    expect(wait_ms).toBeGreaterThan(370_000);
    expect(wait_ms).toBeLessThanOrEqual(379_000);
  });

  test('many workers that ask at once together get no more than the rate, and nearly all of it', async () => {
    const connections = await Promise.all(Array.from({ length: 12 }, () => central.connect()));
    const startedMs = performance.now();
    let granted = 0;
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() - startedMs < 3_000) {
          const [row] = await connection.query<Answer>(
            "select granted from tributary.rate_take('crowd', 50, 400)",
          );
          granted += row?.granted ?? 0;
        }
      }),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(granted).toBeLessThanOrEqual(400 * 0.95 * seconds + 100);
    expect(granted).toBeGreaterThanOrEqual(400 * 0.9 * seconds);
    const [rows] = await central.query<{ n: number }>(
      "select count(*)::int as n from tributary.rate_grant where central_queue = 'crowd'",
    );
    expect(rows?.n).toBeLessThanOrEqual(65);
  });

  test('a clock that was set back stops nothing', async () => {
    await central.query(
      "insert into tributary.rate_grant values ('back', 1, 1, clock_timestamp() + interval '1 hour')",
    );
    const { granted } = await take('back', 100, 100);
    expect(granted).toBe(7);
    expect((await take('back', 100, 100)).granted).toBe(0);
  });

  test('a snapshot that is held slows no grant down', async () => {
    const holder = await central.connect();
    await holder.script('begin isolation level repeatable read; select txid_current()');
    for (let round = 0; round < 300; round++) await take('held', 1, 1_000_000);
    const [blocks] = await central.query<Record<string, string>>(
      `explain (analyze, buffers, format json)
         select g.n from tributary.rate_grant g where g.central_queue = 'held' order by g.n desc limit 1`,
    );
    const plan = JSON.stringify(blocks);
    expect(Number(/"Shared Hit Blocks":(\d+)/.exec(plan)?.[1])).toBeLessThanOrEqual(6);
    await holder.script('rollback');
  });
});
