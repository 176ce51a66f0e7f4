// Groups of a central queue as install makes them: where each begins, what takes over what, what is left and how it is ended.
import { describe, expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { coopFinishSql, coopNextBatch, coopRegister } from '../../../src/queue/coop.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, configFor, fileFor, givenCluster } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';

const handler = writeFile(givenFolder(), 'orders.js', { text: 'export default { event() {} };' });
const GROUP = 'workers_shop';

const withGroups = (groups: string, more = '') =>
  `  orders: { create: true, handler: '${handler}', ${more} groups: { ${groups} } }`;
const mistakesOf = async (cluster: Cluster, queues: string) =>
  (await install(configFor(cluster, { queues }))).flatMap(({ mistakes }) => mistakes);
const warningsOf = async (cluster: Cluster, queues: string) =>
  (await install(configFor(cluster, { queues }))).flatMap(({ warnings }) => warnings);

/** Events `from` to `to`, one transaction each, and a tick behind them. */
async function given({ central }: Cluster, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++)
    await central.query("select pgq.insert_event('orders', 'made', $1)", [String(n)]);
  await central.query("select tributary.tick('orders', null)");
}

/** All that a group gets, by the numbers of `given`. */
async function read({ central }: Cluster, group: string): Promise<number[]> {
  await central.query("select tributary.tick('orders', null)");
  const member = { queue: 'orders', group, member: 'reader' };
  await coopRegister(central, member);
  const all: number[] = [];
  for (;;) {
    const batch = await coopNextBatch(central, member);
    if (batch === undefined) return all;
    const rows = await central.query<{ n: number }>(
      'select ev_data::int as n from pgq.get_batch_events($1) order by ev_id',
      [batch.token],
    );
    all.push(...rows.map(({ n }) => n));
    await central.query(coopFinishSql(batch.token));
  }
}

const between = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('groups of a central queue', () => {
  test('a new group begins with all that rotation has left, with what is committed from now on, or behind a time', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    expect(await mistakesOf(cluster, withGroups('billing: {}'))).toEqual([]);
    await given(cluster, 1, 5);
    const [{ at } = { at: '' }] = await central.query<{ at: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`,
    );
    await given(cluster, 6, 10);

    const mistakes = await mistakesOf(cluster, withGroups('billing: {}, late: {}'));
    expect(mistakes).toEqual([
      expect.stringMatching(/late of queue orders is new.*`start: oldest`.*`start: now`/),
    ]);

    const open = await central.connect();
    await open.query('begin');
    await open.query("select pgq.insert_event('orders', 'made', '11')");
    const all = `billing: {}, old: { start: oldest }, new: { start: now }, then: { start: ${at} }`;
    expect(await mistakesOf(cluster, withGroups(all))).toEqual([]);
    await open.query('commit');
    await given(cluster, 12, 14);

    expect(await read(cluster, `${GROUP}/billing`)).toEqual(between(1, 14));
    expect(await read(cluster, `${GROUP}/old`)).toEqual(between(1, 14));
    expect(await read(cluster, `${GROUP}/new`)).toEqual(between(11, 14));
    expect(await read(cluster, `${GROUP}/then`)).toEqual(between(6, 14));

    const early = `${all}, early: { start: 2001-01-01T00:00:00Z }`;
    expect(await warningsOf(cluster, withGroups(early))).toEqual([
      expect.stringMatching(
        /early of queue orders is to begin at 2001-.* rotation has left nothing from before .* it begins there/,
      ),
    ]);
    expect(await read(cluster, `${GROUP}/early`)).toEqual(between(1, 14));
    expect(await central.query('select central_queue, wanted from tributary.worker_pool order by 1')).toEqual(
      ['billing', 'early', 'new', 'old', 'then'].map((name) => ({
        central_queue: `orders/${name}`,
        wanted: 1,
      })),
    );
  });

  test('a queue that gets groups: one of them takes over where its workers stand, with what failed; what is left is named and removed', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    await install(configFor(cluster, { queues: `  orders: { create: true, handler: '${handler}' }` }));
    await given(cluster, 1, 3);
    await coopRegister(central, { queue: 'orders', group: GROUP, member: 'orders#1' });
    const event = {
      id: 2,
      time: new Date().toISOString(),
      retry: 1,
      origin: 's1:orders:2',
      data: '2',
      after_ms: 0,
      attempts: 4,
      error: 'away',
    };
    const batch = await coopNextBatch(central, { queue: 'orders', group: GROUP, member: 'orders#1' });
    await central.query('select tributary.put_off($1, $2, $3)', ['orders', GROUP, JSON.stringify([event])]);
    await central.query('select tributary.bury($1, $2, $3)', [
      'orders',
      GROUP,
      JSON.stringify([{ ...event, id: 3, kind: 'handler' }]),
    ]);

    const groups = withGroups(`billing: { adopt: ${GROUP} }, search: { start: now }`);
    expect(await mistakesOf(cluster, groups)).toEqual([expect.stringMatching(/has batches open: park it/)]);
    await central.query(coopFinishSql(batch?.token ?? 0));
    expect(await mistakesOf(cluster, groups)).toEqual([]);
    expect(await central.query('select group_name, attempts from tributary.attempt')).toEqual([
      { group_name: `${GROUP}/billing`, attempts: 4 },
    ]);

    await given(cluster, 4, 5);
    await central.query('select pgq.maint_retry_events()');
    expect((await read(cluster, `${GROUP}/billing`)).sort()).toEqual([2, 4, 5]);
    expect(await read(cluster, `${GROUP}/search`)).toEqual([4, 5]);
    expect(await central.query('select group_name from tributary.dead_event')).toEqual([
      { group_name: 'billing' },
    ]);

    const queues = withGroups('search: {}');
    const file = givenFile(fileFor(cluster, { queues }));
    const tributary = (...args: string[]) => run(['-c', file, ...args]);
    await install(configFor(cluster, { queues }));
    await given(cluster, 6, 6);
    expect((await tributary('lag')).stdout).toMatch(
      /orders\/billing .*\n +Group orders\/billing \(workers_shop\/billing\) is not in the file, and nobody works it[\s\S]*`tributary group\s+remove orders\/billing`/,
    );
    expect((await tributary('doctor', '--json')).stdout).toMatch(/"group-left"/);
    expect(await tributary('group', 'remove', 'orders/search', '--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/has orders\/search: take it out first/),
    });
    expect((await tributary('group', 'remove', 'orders/billing', '--dry-run')).stdout).toMatch(
      /: 1 event wait/,
    );
    expect(await tributary('group', 'remove', 'orders/billing', '--yes')).toMatchObject({ code: 0 });
    expect(await read(cluster, `${GROUP}/search`)).toEqual([6]);
    expect(
      await central.query<{ name: string }>('select name from tributary.groups_of($1)', [GROUP]),
    ).toEqual([{ name: 'orders/search' }]);
    expect((await tributary('dead', 'retry', '--queue', 'orders/billing', '--yes')).stderr).toMatch(
      /Queue orders\/billing has no group/,
    );
  });

  test('a dead event goes back to the group that it died in alone, and a group that is removed frees rotation', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    const queues = withGroups('billing: {}, search: {}');
    await install(configFor(cluster, { queues }));
    const file = givenFile(fileFor(cluster, { queues }));
    await given(cluster, 1, 2);
    await read(cluster, `${GROUP}/billing`);
    await read(cluster, `${GROUP}/search`);
    const event = {
      id: 1,
      time: new Date().toISOString(),
      data: '1',
      kind: 'handler',
      attempts: 3,
      error: 'broken',
    };
    for (const group of ['billing', 'search'])
      await central.query('select tributary.bury($1, $2, $3)', [
        'orders',
        `${GROUP}/${group}`,
        JSON.stringify([event]),
      ]);
    const tributary = (...args: string[]) => run(['-c', file, ...args]);
    expect((await tributary('dead', '--json', '--queue', 'orders/search')).stdout).toMatch(
      /"queue": "orders",\s+"group": "search"/,
    );
    expect((await tributary('dead', 'retry', '--queue', 'orders/search', '--yes')).stdout).toMatch(
      /1 dead event: 1 of orders\/search \(handler\)\.\n1 dead event handed out again/,
    );
    await central.query('select pgq.maint_retry_events()');
    expect(await read(cluster, `${GROUP}/billing`)).toEqual([]);
    expect(await read(cluster, `${GROUP}/search`)).toEqual([1]);
    expect((await tributary('dead', '--queue', 'orders')).stdout).toMatch(/orders\/billing/);

    await central.query("select pgq.set_queue_config('orders', 'rotation_period', '0')");
    const rotate = async () => {
      await central.query("select pgq.maint_rotate_tables_step1('orders')");
      await central.query('select pgq.maint_rotate_tables_step2()');
      const [row] = await central.query<{ n: number }>(
        "select queue_cur_table as n from pgq.queue where queue_name = 'orders'",
      );
      return row?.n;
    };
    // Billing goes on, and search stays: up to there it rotates, and no further.
    const goOn = async (n: number) => {
      await given(cluster, n, n);
      expect(await read(cluster, `${GROUP}/billing`)).toEqual([n]);
      return await rotate();
    };
    await goOn(3);
    const held = await goOn(4);
    expect(await goOn(5)).toBe(held);
    await central.query("select tributary.coop_drop_group('orders', $1, true)", [`${GROUP}/search`]);
    expect(await goOn(6)).not.toBe(held);
  });
});
