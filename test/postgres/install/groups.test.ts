// Groups of a central queue as install makes them: where each begins, what takes over what, what is left and how it is ended.
import { describe, expect, onTestFinished, test } from 'vitest';
import { liveConfig } from '../../../src/config/live-config.ts';
import type { FleetOccurrence } from '../../../src/fleet/occurrence.ts';
import { AutoInstall } from '../../../src/install/auto-install.ts';
import { install } from '../../../src/install/install.ts';
import { coopFinishSql, coopNextBatch, coopRegister } from '../../../src/queue/coop.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, configFor, fileFor, givenCluster } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

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

    // Committed and not ticked yet; and one that is not committed.
    await central.query("select pgq.insert_event('orders', 'made', '11')");
    const open = await central.connect();
    await open.query('begin');
    await open.query("select pgq.insert_event('orders', 'made', '12')");
    const all = `billing: {}, old: { start: oldest }, new: { start: now }, then: { start: ${at} }`;
    expect(await mistakesOf(cluster, withGroups(all))).toEqual([]);
    await open.query('commit');
    await given(cluster, 13, 14);

    expect(await read(cluster, `${GROUP}/billing`)).toEqual(between(1, 14));
    expect(await read(cluster, `${GROUP}/old`)).toEqual(between(1, 14));
    expect(await read(cluster, `${GROUP}/new`)).toEqual(between(12, 14));
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
    await goOn(4);
    const held = await goOn(5);
    expect(await goOn(6)).toBe(held);
    await central.query("select tributary.coop_drop_group('orders', $1, true)", [`${GROUP}/search`]);
    // A transaction that is open somewhere on the server delays it.
    let n = 6;
    await until(async () => (await goOn(++n)) !== held, { what: 'a rotation', timeoutMs: 60_000 });
  });

  test('what says `install: auto` begins a group that is new by itself, and says what it may not guess', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    await install(configFor(cluster, { queues: withGroups('billing: {}') }));
    await given(cluster, 1, 2);
    const said: FleetOccurrence[] = [];
    const next = (groups: string) =>
      configFor(cluster, { queues: withGroups(groups), more: 'install: auto' });
    let config = next('billing: {}, search: {}');
    const auto = new AutoInstall({ config: liveConfig(() => config), onOccurrence: (one) => said.push(one) });
    const ended = auto.run();
    onTestFinished(async () => {
      await auto.stop();
      await ended;
    });
    auto.wantCentral();
    await until(() => said.length > 0, { what: 'what it may not guess' });
    expect(said).toEqual([
      {
        kind: 'not-installed',
        sentence: expect.stringMatching(/search of queue orders is new.*`start: oldest`/),
      },
    ]);
    config = next('billing: {}, search: { start: oldest }');
    await until(() => said.length > 1, { what: 'the new group', timeoutMs: 60_000 });
    expect(said[1]).toMatchObject({ kind: 'installed', shard: undefined });
    expect(await read(cluster, `${GROUP}/search`)).toEqual([1, 2]);
    expect(
      await central.query("select wanted from tributary.worker_pool where central_queue = 'orders/search'"),
    ).toEqual([{ wanted: 1 }]);
  });

  test('members of others share the work of one group; old dead events go by the time of theirs', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    await install(configFor(cluster, { queues: withGroups('billing: {}, search: {}') }));
    await given(cluster, 1, 2);
    const billing = `${GROUP}/billing`;
    await central.query("select pgq_coop.register_subconsumer('orders', $1, 'py')", [billing]);
    const [row] = await central.query<{ id: number }>(
      "select pgq_coop.next_batch('orders', $1, 'py') as id",
      [billing],
    );
    expect(await central.query('select from pgq.get_batch_events($1)', [row?.id])).toHaveLength(2);
    await central.query('select pgq_coop.finish_batch($1)', [row?.id]);
    expect(await read(cluster, billing)).toEqual([]);
    expect(await read(cluster, `${GROUP}/search`)).toEqual([1, 2]);
    await expect(
      central.query("select pgq_coop.register_subconsumer('orders', $1, 'py')", [`${GROUP}/other`]),
    ).rejects.toThrow(/has no group workers_shop\/other/);

    await central.query(
      `insert into tributary.dead_event (kind, central_queue, group_name, error, died_at)
       select case when g is null then 'poison' else 'handler' end, 'orders', g, 'x', now() - interval '1 day'
       from unnest(array[null, 'billing', 'search', 'gone']) g`,
    );
    const left = async (name: string) => {
      await central.query('select tributary.dead_expire($1, 3600000, 10)', [name]);
      const rows = await central.query<{ group_name: string | null }>(
        'select group_name from tributary.dead_event order by id',
      );
      return rows.map(({ group_name: group }) => group);
    };
    expect(await left('orders/billing')).toEqual([null, 'search', 'gone']);
    expect(await left('orders')).toEqual(['search']);
  });
});
