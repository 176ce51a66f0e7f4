// Groups of one queue under load: workers are killed, groups come while events do, one goes.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const handlerOf = (group: string) => `export default {
  async event(event, { client }) {
    await client.query('insert into effect (n, slot) values ($1, $2)', [event.json().n, '${group}']);
  },
};`;
const GROUPS = ['billing', 'search', 'now', 'oldest', 'then'];
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('groups', () => {
  test('each handles every event exactly once while workers are killed; one that begins meanwhile begins at the right event', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, groups: { billing: { workers: 2, handler: ./billing.mjs }, search: { workers: 1, handler: ./search.mjs } } }',
      Object.fromEntries(GROUPS.map((group) => [`${group}.mjs`, handlerOf(group)])),
    );
    const { central, tributary, workersOf } = hosts;
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 3);
    await until(
      async () => {
        const { central: all } = JSON.parse((await tributary('lag', '--json')).stdout) as {
          central: { queue: string; workers_running: number }[];
        };
        expect(all.map((one) => `${one.queue} ${one.workers_running}`)).toEqual([
          ...['orders 0', 'orders/billing 2', 'orders/search 1'],
        ]);
        return true;
      },
      { what: 'the workers of each group', timeoutMs: 60_000 },
    );
    let made = 0;
    const stopped = new AbortController();
    // One transaction after the other, so that the numbers are the order of commits.
    const producing = (async () => {
      while (!stopped.signal.aborted) {
        await central.produce('orders', 5, { from: made + 1 });
        made += 5;
        await sleep(25);
      }
    })();
    const kill = async () => {
      const pids = await until(() => [...workersOf(host).values()], { what: 'a worker' });
      try {
        process.kill(pids[made % pids.length] as number, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    for (let n = 0; n < 4; n++) {
      await kill();
      await sleep(50);
    }
    const before = made;
    const [{ at } = { at: '' }] = await central.query<{ at: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`,
    );
    const atTime = made;
    hosts.rewrite((text) =>
      text.replace(
        'search: {',
        `now: { handler: ./now.mjs, start: now }, oldest: { handler: ./oldest.mjs, start: oldest }, then: { handler: ./then.mjs, start: ${at} }, search: {`,
      ),
    );
    const installed = await tributary('install');
    expect(`${installed.code} ${installed.stderr}`).toMatch(/^0/);
    const after = made;
    const reloaded = await tributary('reload');
    expect(`${reloaded.code} ${reloaded.stderr}`).toMatch(/^0/);
    await untilWorkers(hosts, [host], 6);
    for (let n = 0; n < 4; n++) {
      await kill();
      await sleep(50);
    }
    stopped.abort();
    await producing;

    const handledBy = async (group: string) =>
      (await central.query<{ n: number }>('select n from effect where slot = $1 order by n', [group])).map(
        ({ n }) => n,
      );
    await until(
      async () => {
        const [row] = await central.query<{ groups: number }>(
          'select count(distinct slot)::int as groups from effect where n = $1',
          [made],
        );
        return row?.groups === GROUPS.length && (await isDone());
      },
      { what: 'all events in every group', timeoutMs: 120_000 },
    );
    async function isDone() {
      const [row] = await central.query<{ left: number }>(
        "select sum(events_behind)::int as left from tributary.lag_central($1, 'workers_test')",
        [GROUPS.map((group) => `orders/${group}`)],
      );
      return row?.left === 0;
    }
    for (const group of ['billing', 'search', 'oldest'])
      expect(await handledBy(group)).toEqual(numbers(1, made));
    const ofNow = await handledBy('now');
    expect(ofNow).toEqual(numbers(ofNow[0] ?? 0, made));
    // What was committed before the command is not in it, what came behind it is.
    expect(ofNow[0]).toBeGreaterThan(before);
    expect(ofNow[0]).toBeLessThanOrEqual(after + 6);
    const ofThen = await handledBy('then');
    expect(ofThen).toEqual(numbers(ofThen[0] ?? 0, made));
    expect(ofThen[0]).toBeLessThanOrEqual(atTime + 6);
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);

    const newCode = await tributary('reload', '--workers', '--queue', 'orders/search');
    expect(newCode).toMatchObject({
      ...{ code: 0, stdout: 'orders/search: all workers run the new code, on 1 host.\n' },
    });

    // Out of the file: its slots drain, its consumer stays and is named, until it is removed.
    expect((await tributary('scale', 'orders/billing', '1')).stdout).toMatch(/orders\/billing: 2 → 1 worker/);
    hosts.rewrite((text) => text.replace(/now: \{[^}]*\}, /, ''));
    expect((await tributary('reload')).code).toBe(0);
    await untilWorkers(hosts, [host], 4);
    await until(async () => (await tributary('lag')).stdout.includes('not in the file'), {
      what: 'the group that is left',
    });
    expect(await tributary('group', 'remove', 'orders/now', '--yes')).toMatchObject({ code: 0 });
    expect((await tributary('lag')).stdout).not.toMatch(/orders\/now/);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });
});
