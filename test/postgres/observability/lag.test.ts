import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { readSources } from '../../../src/central/positions.ts';
import { storeLag } from '../../../src/central/source-states.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { install } from '../../../src/install/install.ts';
import { LagReader } from '../../../src/observability/lag/reader.ts';
import type { LagReport, SourceLag } from '../../../src/observability/lag/report.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import {
  type Cluster,
  fileFor,
  givenCluster,
  givenEvents,
  provider,
} from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';

const QUEUES = [
  '  orders: { workers: 2, handler: ./orders.js, create: true, from: [orders, orders_bulk] }',
  '  emails: { workers: none, create: true }',
].join('\n');

interface Given {
  readonly cluster: Cluster;
  readonly central: TestDatabase;
  readonly one: TestDatabase;
  readonly file: string;
  readonly config: Config;
}

async function given({ shards = 1, queues = QUEUES, isInstalled = true } = {}): Promise<Given> {
  const cluster = await givenCluster({ shards });
  const file = givenFile(fileFor(cluster, { queues }), {
    others: { 'orders.js': 'export default { async event() {} };' },
  });
  const { config, problems } = loadConfig(file, { env: { PGUSER: 'ann' } });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  if (isInstalled) expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
  return { cluster, central: cluster.central, one: cluster.shards[0] as TestDatabase, file, config };
}

async function lagOf({ config }: Given, options: { live?: boolean } = {}): Promise<LagReport> {
  const reader = new LagReader(config);
  try {
    return await reader.read(options);
  } finally {
    await reader.close();
  }
}

const sourceOf = ({ sources }: LagReport, queue: string, shard = 's1'): SourceLag =>
  sources.find((one) => one.queue === queue && one.shard === shard) as SourceLag;

/** What a mover on `host` would say now. */
async function report(
  { config }: Given,
  { host = 'db01', ...figure }: { host?: string; ageS?: number; state?: string; events?: number | null } = {},
): Promise<void> {
  const link = new CentralLink(config, 'test');
  const sources = await link.use((central) => readSources(central, ['s1']));
  const figures = sources.map(({ id }) => ({
    source: id,
    age_s: figure.ageS ?? 0,
    state: figure.state ?? 'idle',
    reason: null,
    cause: null,
    events_behind: figure.events === undefined ? 0 : figure.events,
    exact: true,
    seconds_behind: 0,
    stands: figure.ageS === undefined,
    ages: false,
    last_tick: 1,
    provider: 'engine',
  }));
  await storeLag(link, { member: randomUUID(), host }, { figures });
  await link.close();
}

/** As if all reports, and what was seen for them, were older. */
async function age({ central }: Given, by: string): Promise<void> {
  await central.query(`update tributary.source_lag set reported_at = reported_at - ${by}, at = at - ${by}`);
  await central.query(`update tributary.mover_report set at = at - ${by}`);
}

describe('observability/lag/reader', () => {
  test('before any mover came, sources are unassigned with what to start, and their events are counted', async () => {
    const all = await given();
    await givenEvents(all.one, 'orders', 3);
    const orders = sourceOf(await lagOf(all), 'orders');
    expect(orders).toMatchObject({
      state: 'unassigned',
      reason: 'No mover has moved shard s1 yet: start `tributary mover --host 127.0.0.1`.',
      mover: undefined,
      eventsBehind: 3,
      isExact: true,
      provider: provider(),
    });
    expect(orders.secondsBehind).toBeGreaterThan(0);
    expect(orders.ageSeconds).toBeLessThan(5);
    expect(sourceOf(await lagOf(all), 'emails')).toMatchObject({
      eventsBehind: 0,
      secondsBehind: 0,
      isExact: true,
    });
  });

  test('a source that is not installed says so', async () => {
    const all = await given();
    await all.central.query("delete from tributary.source where queue = 'emails'");
    expect(sourceOf(await lagOf(all), 'emails')).toMatchObject({
      state: 'unassigned',
      reason: 'Source s1:emails is not installed: run `tributary install`.',
      eventsBehind: undefined,
    });
  });

  test('a fresh report of a mover counts, an old one does not', async () => {
    const all = await given();
    await givenEvents(all.one, 'orders', 2);
    await report(all, { host: 'db07' });
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({
      state: 'idle',
      mover: 'db07',
      eventsBehind: 0,
    });
    await age(all, "interval '2 minutes'");
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({
      state: 'unassigned',
      reason: expect.stringMatching(
        /^No mover moves shard s1: the one on host db07 last reported 2 m( \d s)? ago; start `tributary mover --host 127.0.0.1`\.$/,
      ),
      mover: undefined,
      eventsBehind: 2,
      isExact: true,
    });
  });

  test('the report of a mover that released the shard does not count any longer', async () => {
    const all = await given();
    await report(all, { host: 'db07' });
    await all.central.query(
      "insert into tributary.term (resource, epoch, taken_at, freed_at) values ('shard:s1', 1, now(), clock_timestamp())",
    );
    expect(sourceOf(await lagOf(all), 'orders').reason).toMatch(
      /^No mover moves shard s1 since the one on host db07 let go of it \d+ s ago: start/,
    );
  });

  test('where a mover reports but its figures are old, the shard is asked', async () => {
    const all = await given();
    await givenEvents(all.one, 'orders', 2);
    await report(all, { ageS: 60 });
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({
      state: 'moving',
      mover: 'db01',
      eventsBehind: 2,
    });
  });

  test('the last figures stay while a new mover has not seen any', async () => {
    const all = await given();
    await report(all, { events: 7, state: 'moving' });
    await report(all, { events: null, state: 'unreachable' });
    const [stored] = await all.central.query('select events_behind, state from tributary.source_lag limit 1');
    expect(stored).toEqual({ events_behind: 7, state: 'unreachable' });
  });

  test('the time since which a source does not move is shown where it was noted', async () => {
    const all = await given();
    const orders = async () => sourceOf(await lagOf(all), 'orders');
    const earlier = (what: string) =>
      all.central.query(`update tributary.source_lag set ${what} = ${what} - interval '10 minutes'`);
    await report(all, { state: 'unreachable', host: 'db01' });
    await earlier('state_since');
    await report(all, { state: 'unreachable', host: 'db02' });
    const away = await orders();
    expect(away.state).toBe('unreachable');
    expect(away.stateSeconds).toBeGreaterThanOrEqual(600);
    await report(all);
    expect(await orders()).toMatchObject({ state: 'idle', stateSeconds: undefined });
    await report(all, { state: 'unreachable' });
    expect((await orders()).stateSeconds).toBeLessThan(60);
    await age(all, "interval '10 minutes'");
    const left = await orders();
    expect(left.state).toBe('unassigned');
    expect(left.stateSeconds).toBeGreaterThanOrEqual(600);
    await all.central.query(
      "update tributary.source set state = 'halted', halt_reason = 'no', halted_at = now() - interval '1 h'",
    );
    expect((await orders()).stateSeconds).toBeGreaterThanOrEqual(3_600);
  });

  test('--live asks the shard in spite of fresh figures', async () => {
    const all = await given();
    await givenEvents(all.one, 'orders', 4);
    await report(all);
    expect(sourceOf(await lagOf(all, { live: true }), 'orders')).toMatchObject({
      state: 'moving',
      eventsBehind: 4,
      isExact: true,
    });
  });

  test('nothing behind is said only where no row is left, whatever the sequence says', async () => {
    const all = await given();
    const [sequence] = await all.one.query<{ name: string }>(
      "select queue_event_seq as name from pgq.queue where queue_name = 'orders'",
    );
    await all.one.query('select setval($1, nextval($1) + 50000)', [sequence?.name]);
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({ eventsBehind: 0, isExact: true });
    await givenEvents(all.one, 'orders', 1);
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({ eventsBehind: 1, isExact: true });
    await givenEvents(all.one, 'orders', 10_001);
    const orders = sourceOf(await lagOf(all), 'orders');
    expect(orders.isExact).toBe(false);
    expect(orders.eventsBehind).toBeGreaterThan(50_000);
  });

  test('events of a transaction that was open at the position are counted, those of an open one are not', async () => {
    const all = await given();
    const late = await all.one.connect();
    await late.script("begin; select pgq.insert_event('orders', 'late', 'x')");
    await givenEvents(all.one, 'orders', 1);
    await all.one.query("select pgq.ticker('orders')");
    await moveTo(all, 'orders');
    expect(sourceOf(await lagOf(all), 'orders').eventsBehind).toBe(0);
    await late.script('commit');
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({ eventsBehind: 1, isExact: true });
  });

  test('inside a window that was cut only the rest counts', async () => {
    const all = await given();
    await givenEvents(all.one, 'orders', 5);
    const [end] = await all.one.query<{ tick: number }>("select pgq.ticker('orders') as tick");
    const [queue] = await all.one.query<{ table: string }>(
      "select queue_data_pfx as table from pgq.queue where queue_name = 'orders'",
    );
    const [second] = await all.one.query<{ id: number }>(
      `select ev_id as id from ${queue?.table} where ev_data = '2'`,
    );
    await all.central.query(
      `insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved,
           end_tick_id, end_tick_time_us, end_tick_event_seq, end_snapshot_md5, last_event_id)
       select source, n + 1, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, 2, $1, 0, 0, '', $2
       from tributary.position where source = (select id from tributary.source where queue = 'orders')`,
      [end?.tick, second?.id],
    );
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({ eventsBehind: 3, isExact: true, moved: 2 });
  });

  test('a position whose tick is gone, or is another one, is halted and says what repair can show', async () => {
    const all = await given();
    await all.central.query('update tributary.position_0 set tick_event_seq = tick_event_seq + 1');
    expect(sourceOf(await lagOf(all), 'orders')).toMatchObject({
      state: 'halted',
      reason: expect.stringMatching(/is not the one that was moved.*`tributary repair s1:orders --dry-run`/),
      eventsBehind: undefined,
      secondsBehind: undefined,
    });
    await all.central.query('update tributary.position_0 set tick_id = tick_id + 1000000');
    expect(sourceOf(await lagOf(all), 'orders').reason).toMatch(/does not exist on the shard any more/);
  });

  test('a queue that was dropped on the shard does not disturb the others', async () => {
    const all = await given();
    await all.one.query("select pgq.drop_queue('orders', true)");
    const report = await lagOf(all);
    expect(sourceOf(report, 'orders')).toMatchObject({
      state: 'unreachable',
      reason: expect.stringMatching(/^Queue orders does not exist on shard s1/),
    });
    expect(sourceOf(report, 'emails')).toMatchObject({ eventsBehind: 0 });
  });

  test('a queue that cannot be read does not disturb the others', async () => {
    const all = await given();
    const [queue] = await all.one.query<{ table: string }>(
      "select queue_data_pfx as table from pgq.queue where queue_name = 'orders'",
    );
    await all.one.query(`alter table ${queue?.table} rename to elsewhere`);
    const report = await lagOf(all);
    expect(sourceOf(report, 'orders')).toMatchObject({
      state: 'unreachable',
      reason: expect.stringMatching(/^Source s1:orders: relation "pgq.event_\d+" does not exist/),
    });
    expect(sourceOf(report, 'emails')).toMatchObject({ eventsBehind: 0 });
  });

  test('a source that the file does not name any more is shown until it is removed', async () => {
    const all = await given();
    await all.central.query(
      "insert into tributary.source (shard, queue, central_queue, state) values ('old', 'orders', 'orders', 'active')",
    );
    await all.central.query(
      `insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
       select id, 1, 1, 0, 0, '', 9 from tributary.source where shard = 'old'`,
    );
    expect(sourceOf(await lagOf(all), 'orders', 'old')).toMatchObject({
      state: 'unassigned',
      reason: expect.stringMatching(/^Source old:orders is not in .*shards.yaml, so no mover moves it/),
      moved: 9,
    });
  });

  test('the JSON document has the documented keys', async () => {
    const all = await given();
    const { code, stdout, stderr } = await run(['-c', all.file, 'lag', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(Object.keys(document)).toEqual(['at', 'files_differ', 'sources', 'central']);
    expect(Number.isNaN(Date.parse(document.at))).toBe(false);
    expect(
      document.sources.map((one: { shard: string; queue: string }) => `${one.shard}:${one.queue}`),
    ).toEqual(['s1:orders', 's1:orders_bulk', 's1:emails']);
    expect(document.sources[0]).toMatchObject({
      shard: 's1',
      queue: 'orders',
      central_queue: 'orders',
      moved: 0,
    });
    for (const key of [
      'state',
      'reason',
      'cause',
      'paused_by',
      'state_seconds',
      'mover',
      'events_behind',
      'seconds_behind',
      'last_tick',
      'provider',
    ])
      expect(document.sources[0]).toHaveProperty(key);
    expect(document.central).toEqual([
      {
        queue: 'orders',
        workers_wanted: 2,
        workers_running: 0,
        events_behind: 0,
        seconds_behind: 0,
        in_per_second: null,
        out_per_second: null,
        eta_seconds: null,
        retrying: 0,
        dead: 0,
        delayed: 0,
        left_out: 0,
        lanes: 0,
        next_lanes: null,
        paused_keys: 0,
        paused_events: 0,
        paused_seconds: null,
        next_delayed: null,
        exact: true,
        reason: 'No worker runs for queue orders: start `tributary work` or `tributary start`.',
        cause: 'no-worker',
        recent: { tried: 0, failed: 0, error: null },
        batches: [],
      },
      {
        queue: 'emails',
        workers_wanted: null,
        workers_running: 0,
        events_behind: null,
        seconds_behind: null,
        in_per_second: null,
        out_per_second: null,
        eta_seconds: null,
        retrying: 0,
        dead: 0,
        delayed: 0,
        left_out: 0,
        lanes: 0,
        next_lanes: null,
        paused_keys: 0,
        paused_events: 0,
        paused_seconds: null,
        next_delayed: null,
        exact: false,
        reason: null,
        cause: null,
        recent: { tried: 0, failed: 0, error: null },
        batches: [],
      },
    ]);
  });

  test('central that cannot be reached is one sentence and exit code 1; one without an install says so', async () => {
    const all = await given({ isInstalled: false });
    const bare = await run(['-c', all.file, 'lag']);
    expect({ code: bare.code, stderr: bare.stderr }).toEqual({
      code: 2,
      stderr: 'Central is not installed. Run `tributary install`.\n',
    });
    const gone = givenFile(
      "name: shop\ncentral: 'postgres://ann@127.0.0.1:1/x'\nshards: [{ url: 'postgres://ann@127.0.0.1:1/a' }]\ndefaults: { tls: off }\nqueues: { orders: { workers: none } }\n",
    );
    const { code, stderr, stdout } = await run(['-c', gone, 'lag']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Central refuses connections at 127\.0\.0\.1:\d+: .*\n$/);
  });
});

/** The newest tick of the first queue becomes the position of its source. */
async function moveTo({ central, one }: Given, queue: string): Promise<void> {
  const [tick] = await one.query<{ id: number; us: number; seq: number; md5: string }>(
    `select t.tick_id as id, (extract(epoch from t.tick_time) * 1000000)::bigint as us, t.tick_event_seq as seq,
         md5(t.tick_snapshot::text) as md5
       from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
       where q.queue_name = $1 order by t.tick_id desc limit 1`,
    [queue],
  );
  await central.query(
    `insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
     select id, 2, $2, $3, $4, $5, 1 from tributary.source where queue = $1`,
    [queue, tick?.id, tick?.us, tick?.seq, tick?.md5],
  );
}
