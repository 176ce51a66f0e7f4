// What each key of a queue with lanes may have: a share of every batch, a rate, and so many events at work at once; with workers in
// this process.
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../../src/handler/contract.ts';
import { coopNextBatch } from '../../../src/queue/coop.ts';
import { until } from '../../support/until.ts';
import { givenWorker } from '../../support/workers/child-worker.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

/** Of tributary.lane_share. */
const SHARE = 100;

interface Wanted {
  readonly isFair?: boolean;
  readonly perKey?: number | null;
}

async function givenLanes({ isFair = false, perKey = null }: Wanted): Promise<WorkerCentral> {
  const central = await givenWorkerCentral();
  await setLanes(central, { isFair, perKey });
  return central;
}

const setLanes = (central: WorkerCentral, { isFair = false, perKey = null }: Wanted) =>
  central.query('select tributary.lanes_set($1, $2, $3, 1, true, $4, $5)', [
    ...['orders', GROUP, 'ev_extra1'],
    ...[isFair, perKey],
  ]);

/** Numbered through from 1 in the order of `keys`; ticked together. */
async function made(central: WorkerCentral, keys: readonly string[]): Promise<void> {
  await central.query(
    "select count(pgq.insert_event('orders', 'made', n::text, key, null, null, null)) from (select * from unnest($1::text[]) with ordinality e (key, n) order by n) e",
    [keys],
  );
  await central.tick('orders');
}

const many = (key: string, count: number): string[] => Array.from({ length: count }, () => key);

describe('what each key may have', () => {
  test('fair: of a key that floods a hundred events go into a batch, so that others are not behind all of it; each once, in order', async () => {
    const central = await givenLanes({ isFair: true });
    const seen: { readonly n: number; readonly key: string }[] = [];
    const failed = new Set<number>();
    const handler: Handler = {
      async event({ data, extra1, retry }) {
        const [n, key] = [Number(data), extra1 ?? ''];
        // In the middle of the flood, of what waits for its turn and of what does not.
        if (retry === 0 && (n === 50 || n === 350)) {
          failed.add(n);
          throw new Error('Not yet.');
        }
        seen.push({ n, key });
      },
    };
    await made(central, [...many('flood', 5 * SHARE), 'other', ...many('flood', 3)]);
    const [before] = await central.query<{ events: number }>(
      'select count(*)::int as events from tributary.lane_waiting',
    );
    expect(before?.events).toBe(0);
    const { messages } = givenWorker(central, handler, { retry: { attempts: 3, firstMs: 1, maxMs: 1 } });
    await until(
      async () => {
        await central.tick('orders');
        return new Set(seen.map(({ n }) => n)).size === 5 * SHARE + 4;
      },
      { what: 'all events', timeoutMs: 60_000 },
    );
    const at = seen.findIndex(({ key }) => key === 'other');
    expect(seen.slice(0, at).filter(({ key }) => key === 'flood').length).toBeLessThanOrEqual(2 * SHARE);
    // What was rolled back with another event of its group was called again.
    const last = [...new Map(seen.map(({ n, key }, place) => [n, { key, place }]))];
    const flood = last.filter(([, { key }]) => key === 'flood').sort(([, a], [, b]) => a.place - b.place);
    expect(flood.map(([n]) => n)).toEqual(
      Array.from({ length: 5 * SHARE + 4 }, (_, n) => n + 1).filter((n) => n !== 5 * SHARE + 1),
    );
    expect([...failed].sort()).toEqual([350, 50]);
    for (const message of messages)
      if (message.type === 'finished') expect(message.events).toBeLessThanOrEqual(SHARE + 1);
    await until(
      async () => {
        const [left] = await central.query<{ n: number }>(
          'select ((select count(*) from tributary.lane_waiting) + (select count(*) from tributary.paused_key) + (select count(*) from tributary.attempt))::int as n',
        );
        return left?.n === 0;
      },
      { what: 'nothing that waits' },
    );
  });

  test('limits: what a key has above its rate waits, in order, while other keys go on; no key of a queue is paused by it', async () => {
    const central = await givenLanes({ perKey: 20 });
    const seen: { readonly n: number; readonly key: string; readonly atMs: number }[] = [];
    const handler: Handler = {
      async event({ data, extra1 }) {
        seen.push({ n: Number(data), key: extra1 ?? '', atMs: performance.now() });
      },
    };
    await made(central, [...many('a', 30), ...many('b', 2), ...many('c', 2)]);
    const beganMs = performance.now();
    const member = { queue: 'orders', group: GROUP, member: 'orders#1' };
    const batch = await coopNextBatch(central, { ...member, knowsProgress: true });
    // A quarter of a second, at 95 %.
    expect(
      await central.query('select ev_data::int as n from tributary.lane_events($1)', [batch?.token]),
    ).toEqual([1, 2, 3, 4, 31, 32, 33, 34].map((n) => ({ n })));
    expect(
      await central.query(
        "select paused_keys::int as paused, events_behind >= 34 as is_behind from tributary.lag_central('{orders}', $1)",
        [GROUP],
      ),
    ).toEqual([{ paused: 0, is_behind: true }]);
    // Else each event of the batch is compared with all that wait, where the server knows nothing of how many these are.
    const [read] = await central.query<{ text: string }>('select tributary.lane_sql($1, null) as text', [
      batch?.token,
    ]);
    const plan = await central.query(`explain (costs off) ${read?.text}`);
    expect(JSON.stringify(plan)).toMatch(/SubPlan/);
    expect(JSON.stringify(plan)).not.toMatch(/Anti Join/);
    // Its batch is the one that the member has open.
    givenWorker(central, handler, { keys: { isRated: true } });
    await until(() => seen.length === 34, { what: 'all events', timeoutMs: 60_000 });
    const a = seen.filter(({ key }) => key === 'a');
    expect(a.map(({ n }) => n)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    // 26 of them one by one at 19 a second, however they came in batches.
    expect((a.at(-1)?.atMs ?? 0) - beganMs).toBeGreaterThan((26 / 19) * 1_000);
  });

  test.each([
    [1, 3],
    [2, 4],
  ])(
    'at_once %i: a free handler has events of other keys of the lane at work beside one another, and of one key no more than that',
    async (atOnce, together) => {
      const central = await givenLanes({});
      const atWork: string[] = [];
      let most = 0;
      const mostOfKey = new Map<string, number>();
      const order: number[] = [];
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      const handler: Handler = {
        transaction: false,
        concurrency: 4,
        async event({ data, extra1 }) {
          const key = extra1 ?? '';
          order.push(Number(data));
          atWork.push(key);
          most = Math.max(most, atWork.length);
          const own = atWork.filter((one) => one === key).length;
          mostOfKey.set(key, Math.max(own, mostOfKey.get(key) ?? 0));
          // The first ones wait for one another: they are side by side, or there is no end.
          if (most === together) open();
          await opened;
          atWork.splice(atWork.indexOf(key), 1);
        },
      };
      await made(central, ['a', 'a', 'a', 'b', 'c', 'a', 'b']);
      givenWorker(central, handler, { keys: { atOnce } });
      await until(() => order.length === 7 && atWork.length === 0, { what: 'all events' });
      expect(most).toBeGreaterThanOrEqual(together);
      expect(mostOfKey.get('a')).toBe(atOnce);
      expect(mostOfKey.get('b')).toBeLessThanOrEqual(atOnce);
      expect(order.filter((n) => [1, 2, 3, 6].includes(n))).toEqual([1, 2, 3, 6]);
      expect(order.filter((n) => [4, 7].includes(n))).toEqual([4, 7]);
    },
  );
});
