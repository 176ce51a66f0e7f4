import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { install } from '../../../src/install/install.ts';
import { LagReader } from '../../../src/observability/lag/reader.ts';
import type { CentralLag } from '../../../src/observability/lag/report.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import type { TestDatabase } from '../../support/server/database.ts';

const GROUP = 'workers_shop';

interface Given {
  readonly central: TestDatabase;
  lag(): Promise<CentralLag>;
  /** Commits events into central's queue. */
  produce(events: number): Promise<void>;
  tick(): Promise<void>;
  nextBatch(member: string): Promise<{ id: number }>;
}

async function given({ workers = '2' } = {}): Promise<Given> {
  const cluster = await givenCluster();
  const { central } = cluster;
  const file = givenFile(
    fileFor(cluster, { queues: `  orders: { workers: ${workers}, handler: ./orders.js, create: true }` }),
    { others: { 'orders.js': 'export default { async event() {} };' } },
  );
  const { config, problems } = loadConfig(file, { env: { PGUSER: 'ann' } });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
  return {
    central,
    lag: async () => {
      const reader = new LagReader(config);
      const { central: queues } = await reader.read();
      await reader.close();
      return queues[0] as CentralLag;
    },
    produce: (events) => givenEvents(central, 'orders', events),
    tick: async () => {
      await central.query("select tributary.tick('orders', null)");
    },
    nextBatch: async (member) => {
      const [row] = await central.query<{ id: number }>(
        'select batch_id as id from tributary.coop_next_batch($1, $2, $3)',
        ['orders', GROUP, member],
      );
      return row as { id: number };
    },
  };
}

/** Estimated, within a hundredth: rows of one transaction lie almost in the order of their ids. */
function expectAbout({ eventsBehind = 0, isExact }: CentralLag, events: number): void {
  expect(isExact).toBe(false);
  expect(Math.abs(eventsBehind - events)).toBeLessThanOrEqual(events / 100);
}

describe('observability/lag of central queues', () => {
  test('events behind are counted from commit to finish, in open batches too', async () => {
    const { lag, produce, tick, nextBatch, central } = await given();
    expect(await lag()).toMatchObject({ eventsBehind: 0, secondsBehind: 0, isExact: true });
    await produce(3);
    expect(await lag()).toMatchObject({ eventsBehind: 3, isExact: true });
    await tick();
    const behind = await lag();
    expect(behind).toMatchObject({ eventsBehind: 3, isExact: true });
    expect(behind.secondsBehind).toBeGreaterThan(0);
    const { id } = await nextBatch('orders#1');
    await produce(2);
    await tick();
    expect(await lag()).toMatchObject({ eventsBehind: 5, isExact: true });
    const other = await nextBatch('orders#2');
    await central.query('select tributary.coop_finish_batch($1)', [other.id]);
    const open = await lag();
    expect(open).toMatchObject({ eventsBehind: 3, isExact: true });
    expect(open.secondsBehind).toBeGreaterThan(behind.secondsBehind as number);
    await central.query('select tributary.coop_finish_batch($1)', [id]);
    expect(await lag()).toMatchObject({ eventsBehind: 0, secondsBehind: 0, isExact: true });
  });

  test('many events behind are estimated from what their transactions wrote, whatever the sequence says', async () => {
    const { lag, produce, tick, nextBatch, central } = await given();
    const [queue] = await central.query<{ sequence: string }>(
      "select queue_event_seq as sequence from pgq.queue where queue_name = 'orders'",
    );
    await central.query('select setval($1, nextval($1) + 20000)', [queue?.sequence]);
    await produce(1);
    expect(await lag()).toMatchObject({ eventsBehind: 1, isExact: true });
    // Open while ticks are made: its ids are smaller than those that the ticks know.
    const writer = await central.connect();
    await writer.script('begin');
    await writer.query(
      "select count(pgq.insert_event('orders', 'test', n::text)) from generate_series(1, 15000) n",
    );
    await produce(100);
    await tick();
    const first = await nextBatch('orders#1');
    await central.query('select tributary.coop_finish_batch($1)', [first.id]);
    await writer.script('commit');
    expectAbout(await lag(), 15_000);
    await produce(20_000);
    await tick();
    expectAbout(await lag(), 35_000);
    await nextBatch('orders#1');
    await produce(7);
    expectAbout(await lag(), 35_007);
  });

  test('a queue is behind by the age of its oldest event, also where its tick is young', async () => {
    const { lag, tick, nextBatch, central } = await given();
    const old = (age: string, retry: string) =>
      central.query(
        `select pgq.insert_event_raw('orders', nextval(queue_event_seq), now() - interval '${age}', null, ${retry}, 'test', '', null, null, null, null)
         from pgq.queue where queue_name = 'orders'`,
      );
    await old('1 hour', 'null');
    expect((await lag()).secondsBehind).toBeGreaterThanOrEqual(3600);
    await tick();
    expect((await lag()).secondsBehind).toBeGreaterThanOrEqual(3600);
    const { id } = await nextBatch('orders#1');
    expect((await lag()).secondsBehind).toBeGreaterThanOrEqual(3600);
    await central.query('select tributary.coop_finish_batch($1)', [id]);
    expect(await lag()).toMatchObject({ secondsBehind: 0, eventsBehind: 0 });
    // One that is tried again was made long ago, and waits only since it came back.
    await old('1 hour', '3');
    await tick();
    expect((await lag()).secondsBehind).toBeLessThan(3600);
    expect(await lag()).toMatchObject({ eventsBehind: 1 });
  });

  /** Events of type later, made an hour ago, each due this many seconds ago, put into the queue in one run. */
  const deliver = async (central: TestDatabase, ages: readonly number[]) => {
    const all = (value: string) => `array_fill(${value}, array[${ages.length}])`;
    const due = ages.map((age) => `(extract(epoch from now()) - ${age}) * 1000`).join(', ');
    await central.query(
      `select tributary.send_delayed('orders', array[${due}], ${all('null::float8')}, ${all("'later'::text")}, ${all("'{}'::text")},
         ${all('null::text')}, ${all('null::text')}, ${all('null::text')}, ${all('null::text')})`,
    );
    await central.query("update tributary.delayed set ev_time = now() - interval '1 hour'");
    const [run] = await central.query("select events from tributary.deliver_delayed('orders', 1000)");
    expect(run).toEqual({ events: ages.length });
  };

  function expectAge({ secondsBehind = Number.NaN }: CentralLag, seconds: number): void {
    expect(secondsBehind).toBeGreaterThanOrEqual(seconds - 0.1);
    expect(secondsBehind).toBeLessThan(seconds + 15);
  }

  test('an event that waited for its time on purpose counts from when it was due, also in an open batch and behind many runs', async () => {
    const { lag, tick, nextBatch, central } = await given();
    await deliver(central, [200, 100, 400]);
    expectAge(await lag(), 400);
    await tick();
    expectAge(await lag(), 400);
    const { id } = await nextBatch('orders#1');
    await central.query(
      `insert into tributary.delayed_run (central_queue, n, until_at, until_id, snapshot, last_id, events, xid)
       select 'orders', r.n + g, r.until_at, r.until_id, r.snapshot, r.last_id, 1, r.xid + 1000000 + g
       from tributary.delayed_last_run('orders') l join tributary.delayed_run r on r.central_queue = 'orders' and r.n = l.n,
         generate_series(1, 2000) g`,
    );
    expectAge(await lag(), 400);
    await central.query('select tributary.coop_finish_batch($1)', [id]);
    expect(await lag()).toMatchObject({ secondsBehind: 0, eventsBehind: 0 });
    await central.query(
      `select pgq.insert_event_raw('orders', nextval(queue_event_seq), now() - interval '1 hour', null, null, 'test', '', null, null, null, null)
       from pgq.queue where queue_name = 'orders'`,
    );
    expect((await lag()).secondsBehind).toBeGreaterThanOrEqual(3_600);
  });

  test('a run of deliveries is known for as long as somebody has not read its events', async () => {
    const { lag, tick, nextBatch, central } = await given();
    await deliver(central, [100]);
    await central.query("select pgq.insert_event('orders', 'other', '')");
    await deliver(central, [50]);
    await tick();
    const runs = async () => {
      await central.query("select tributary.tidy_delayed('0 seconds')");
      return (await central.query('select from tributary.delayed_run')).length;
    };
    expect(await runs()).toBe(2);
    expectAge(await lag(), 100);
    await central.query('select tributary.coop_finish_batch($1)', [(await nextBatch('orders#1')).id]);
    expect(await runs()).toBe(1);
  });

  test('a key that waits for its turn or behind a failure is as old as its event has been due, or was made', async () => {
    const { lag, tick, central } = await given();
    await central.query("select tributary.lanes_set('orders', $1, 'ev_data', 1, true, true)", [GROUP]);
    const next = async () => {
      const [row] = await central.query<{ id: number }>(
        `select batch_id as id from tributary.coop_next_batch('orders', $1, 'orders#1', null, null, null, null, true, true)`,
        [GROUP],
      );
      return row?.id;
    };
    const read = (id: number | undefined) =>
      central.query<{ id: number }>('select ev_id as id from tributary.lane_events($1)', [id]);
    await deliver(
      central,
      Array.from({ length: 150 }, (_, at) => 300 - at),
    );
    await tick();
    const first = await next();
    expect(await read(first)).toHaveLength(100);
    expectAge(await lag(), 300);
    await central.query('select tributary.coop_finish_batch($1)', [first]);
    expectAge(await lag(), 200);
    // Its followers wait for one that fails, and then for their turn again.
    const second = await next();
    const [failed] = await read(second);
    const [event] = await central.query<{ event: string }>(
      `select json_build_object('id', ev_id, 'time', ev_time, 'retry', 1, 'attempts', 1, 'type', ev_type, 'data', ev_data)::text as event
       from tributary.lane_events($1) where ev_id = $2`,
      [second, failed?.id],
    );
    await central.query(
      "select tributary.lane_put_off($1, $2, $3::json, now() - interval '1 second', 'boom')",
      [...[second, failed?.id], event?.event],
    );
    await central.query('select tributary.coop_finish_batch($1)', [second]);
    const third = await next();
    expect(await read(third)).toHaveLength(50);
    await central.query('select tributary.coop_finish_batch($1)', [third]);
    expect(await lag()).toMatchObject({ secondsBehind: 0, eventsBehind: 0 });
  });

  test('retrying and dead events, wanted and running workers are counted for each queue alone', async () => {
    const { lag, produce, tick, nextBatch, central } = await given();
    await produce(2);
    await tick();
    const { id } = await nextBatch('orders#1');
    await central.query('select pgq.event_retry($1, ev_id, 3600) from pgq.get_batch_events($1) limit 1', [
      id,
    ]);
    await central.query('select tributary.coop_finish_batch($1)', [id]);
    await central.query(
      `insert into tributary.dead_event (kind, central_queue, error) values
         ('handler', 'orders', 'no'), ('poison', 'orders', 'no'), ('handler', 'emails', 'no')`,
    );
    await central.query(
      `select * from tributary.lease_beat(gen_random_uuid(), 'work', 'db01', '{}', '10 s',
         array['slot:orders#1', 'slot:orders_bulk#1', 'slot:orders#x#1', 'shard:orders#2'], '{}', 9)`,
    );
    await central.query("select tributary.worker_pool_set('orders', 3, 'ann')");
    expect(await lag()).toMatchObject({
      queue: 'orders',
      workersWanted: 3,
      workersRunning: 1,
      eventsBehind: 0,
      isExact: true,
      secondsBehind: 0,
      retrying: 1,
      dead: 2,
      reason:
        '1 of 3 workers of queue orders run: see the log of `tributary work`, or start it on one more host.',
    });
    await central.query("update tributary.member set until = now() - interval '1 second'");
    expect(await lag()).toMatchObject({
      workersRunning: 0,
      reason: 'No worker runs for queue orders: start `tributary work` or `tributary start`.',
    });
  });

  test('a handler that does not load is shown with its host; the number of running workers is the hosts’ own', async () => {
    const { lag, central } = await given({ workers: '2' });
    const beat = (host: string, slot: string, details: object) =>
      central.query(
        "select * from tributary.lease_beat(gen_random_uuid(), 'work', $1, $2, '10 s', array[$3], '{}', 9)",
        [host, details, slot],
      );
    await central.query("select tributary.worker_pool_set('orders', 2, 'ann')");
    const parked = { orders: 'The handler /x.js does not load: no.' };
    await beat('db01', 'slot:orders#1', { running: { orders: 0 }, parked });
    expect(await lag()).toMatchObject({
      workersRunning: 0,
      reason: 'No worker can run for queue orders on db01: The handler /x.js does not load: no.',
    });
    await beat('db02', 'slot:orders#2', {
      running: { orders: 1, emails: 7 },
      parked: {},
      recent: {
        orders: { tried: 300, failed: 200, error: 'no table' },
        emails: { tried: 1, failed: 1, error: 'x' },
      },
      batches: { orders: [{ slot: 'orders#2', done: 5, events: null, seconds: 7 }] },
    });
    expect(await lag()).toMatchObject({
      workersRunning: 1,
      reason:
        '1 of 2 workers run, and no other one can run for queue orders on db01: The handler /x.js does not load: no.',
      recent: { tried: 300, failed: 200, error: 'no table' },
      batches: [{ slot: 'orders#2', done: 5, events: undefined, seconds: 7 }],
    });
    await central.query(
      `update tributary.member set details = details - 'parked' || '{"troubled": {"orders": "It hangs."}}' where host = 'db01'`,
    );
    expect((await lag()).reason).toBe('Workers of queue orders make no progress on db01: It hangs.');
    await central.query(`update tributary.member set details = details - 'troubled' where host = 'db01'`);
    expect((await lag()).reason).toBe('Of the last 300 events of queue orders 200 failed: no table');
  });

  test('the rate of arrival comes from the ids of the last minute, the rate of handling from the workers', async () => {
    const { lag, produce, tick, central } = await given();
    expect(await lag()).toMatchObject({ inPerSecond: undefined, outPerSecond: undefined });
    await tick();
    await central.query("update pgq.tick set tick_time = clock_timestamp() - interval '100 s'");
    await produce(1_000);
    // Retried events have their ids from before.
    await tick();
    for (const [host, perSecond] of [
      ['db01', 12.5],
      ['db02', 30],
    ] as const) {
      await central.query(
        "select * from tributary.lease_beat(gen_random_uuid(), 'work', $1, $2, '10 s', array[$3], '{}', 9)",
        [host, { handled: { orders: perSecond, emails: 900 } }, `slot:orders#${host}`.replace('db0', '')],
      );
    }
    const { inPerSecond = 0, outPerSecond } = await lag();
    expect(inPerSecond).toBeGreaterThan(9);
    expect(inPerSecond).toBeLessThanOrEqual(10.1);
    expect(outPerSecond).toBe(42.5);
    await central.query(`update tributary.member set details = '{"handled": {}}' where host = 'db02'`);
    expect((await lag()).outPerSecond).toBeUndefined();
    await central.query("update pgq.tick set tick_time = clock_timestamp() - interval '301 s'");
    expect((await lag()).inPerSecond).toBeUndefined();
  });

  test('a parked queue is shown as such once events wait, and one without a position as unknown', async () => {
    const { lag, produce, central } = await given({ workers: '0' });
    expect(await lag()).toMatchObject({ workersWanted: 0, reason: undefined });
    await produce(1);
    expect(await lag()).toMatchObject({ eventsBehind: 1, reason: expect.stringMatching(/is parked/) });
    await central.query('update pgq.subscription set sub_last_tick = sub_last_tick + 1000000');
    expect(await lag()).toMatchObject({
      eventsBehind: undefined,
      secondsBehind: undefined,
      reason: expect.stringMatching(/does not exist any more, so what is behind is not known/),
    });
    await central.query('select tributary.coop_drop_group($1, $2, true)', ['orders', GROUP]);
    expect(await lag()).toMatchObject({
      eventsBehind: undefined,
      reason: `Queue orders has no consumer ${GROUP}: run \`tributary install\`.`,
    });
  });

  test('missing upkeep of central is shown while a process runs that could do it', async () => {
    const { lag, produce, tick, central } = await given({ workers: '0' });
    await produce(1);
    await tick();
    await central.query('update pgq.subscription set sub_last_tick = (select max(tick_id) from pgq.tick)');
    expect((await lag()).reason).toBeUndefined();
    const freed = (ago: string) =>
      central.query(
        `insert into tributary.term (resource, holder, epoch, taken_at, freed_at)
         values ('upkeep:central', null, 1, now() - interval '1 day', now() - $1::interval)
         on conflict (resource) do update set freed_at = excluded.freed_at`,
        [ago],
      );
    await freed('10 minutes');
    expect((await lag()).reason).toBeUndefined();
    await central.query(
      `select tributary.lease_beat(gen_random_uuid(), 'mover', 'db01', '{}', interval '1 minute', '{}', '{}', 0)`,
    );
    expect((await lag()).reason).toMatch(/^Central has had no upkeep for \d+ s/);
    await freed('10 seconds');
    expect((await lag()).reason).toBeUndefined();
  });
});
