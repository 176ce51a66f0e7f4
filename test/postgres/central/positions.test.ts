import { describe, expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { haltSource, readSources } from '../../../src/central/positions.ts';
import { readSourceStates, sourcesMark } from '../../../src/central/source-states.ts';
import { install } from '../../../src/install/install.ts';
import { configFor, givenCluster } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUES = ['orders', 'emails'].map((name) => `  ${name}: { workers: none, create: true }`).join('\n');

async function givenCentral(): Promise<TestDatabase> {
  const cluster = await givenCluster({ shards: 1 });
  const rows = await install(configFor(cluster, { queues: QUEUES }));
  expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  return cluster.central;
}

/** One step of a source, as a commit without events makes it. */
async function step(central: TestDatabase, source: number, moved: number): Promise<void> {
  await central.query(
    `select tributary.insert_positions(jsonb_agg(jsonb_build_object(
       'source', p.source, 'n', p.n + 1, 'after_tick_id', p.tick_id, 'after_tick_time_us', p.tick_time_us,
       'tick_id', p.tick_id + 1, 'tick_time_us', p.tick_time_us + 1, 'tick_event_seq', 0, 'tick_snapshot_md5', 'm', 'moved', $2::int)))
     from (select * from tributary.position where source = $1 order by n desc limit 1) p`,
    [source, moved],
  );
}

const rotateOnce = async (central: TestDatabase, period = '0') =>
  (
    await central.query<{ done: boolean }>('select tributary.rotate_positions($1::interval) as done', [
      period,
    ])
  )[0]?.done;

/** What the first call carries over, the second one finds in the other table. */
const rotate = async (central: TestDatabase, period = '0') =>
  (await rotateOnce(central, period)) || (await rotateOnce(central, period));

const sourcesOf = async (central: TestDatabase) => {
  const connection = await central.connect();
  const sources = await readSources(connection, ['s1']);
  await connection.close();
  return sources;
};

describe('central/positions', () => {
  test('the newest position counts, and what has been moved adds up', async () => {
    const central = await givenCentral();
    const [emails, orders] = await sourcesOf(central);
    await step(central, emails?.id as number, 5);
    await step(central, emails?.id as number, 7);
    const [moved, still] = await sourcesOf(central);
    expect(moved).toMatchObject({ queue: 'emails', n: 3, moved: 12 });
    expect(moved?.position?.tick.id).toBe((emails?.position?.tick.id as number) + 2);
    expect(still).toEqual(orders);
  });

  test('a shard whose sources are others than a mover knows is named, also where one went and one came', async () => {
    const central = await givenCentral();
    const known = await sourcesOf(central);
    const config = configFor({ central, shards: [await givenDatabase({ pgq: false })] }, { queues: QUEUES });
    const link = new CentralLink(config, 'test');
    const others = async (...sources: readonly { readonly id: number }[]) => [
      ...(
        await readSourceStates(link, [
          { shard: 's1', mark: sourcesMark(sources) },
          { shard: 'unknown', mark: sourcesMark([]) },
        ])
      ).others,
    ];
    try {
      expect(await others(...known)).toEqual([]);
      expect(await others(...known.slice(1))).toEqual(['s1']);
      await central.query(
        `with gone as (update tributary.source set state = 'retired' where id = $1)
         insert into tributary.source (shard, queue, central_queue, state) values ('s1', 'more', 'orders', 'active')`,
        [known[0]?.id],
      );
      expect(await others(...known)).toEqual(['s1']);
    } finally {
      await link.close();
    }
  });

  test('however often the tables are rotated, a source that does not move keeps its position, and sums go on', async () => {
    const central = await givenCentral();
    const [emails, orders] = await sourcesOf(central);
    for (let turn = 1; turn <= 5; turn += 1) {
      await step(central, emails?.id as number, 1);
      expect(await rotate(central)).toBe(true);
      const [moved, still] = await sourcesOf(central);
      expect(moved).toMatchObject({ n: 1 + turn, moved: turn });
      expect(still).toEqual(orders);
    }
    const [rows] = await central.query<{ n: number }>('select count(*) as n from tributary.position');
    expect(rows?.n).toBeLessThan(6);
  });

  test('tables of positions are rotated only when it is time', async () => {
    const central = await givenCentral();
    expect(await rotate(central, '1 hour')).toBe(false);
  });

  test('a rotation does not wait for a commit that is under way, nor for a reader of the old table', async () => {
    const central = await givenCentral();
    const [emails] = await sourcesOf(central);
    const commit = await central.connect();
    await commit.script('begin; lock table tributary.position_table in row exclusive mode');
    expect(await rotate(central)).toBe(false);
    await commit.script('rollback');
    const reader = await central.connect();
    await reader.script('begin; select count(*) from tributary.position');
    expect(await rotate(central)).toBe(false);
    await reader.script('rollback');
    expect(await rotate(central)).toBe(true);
    await step(central, emails?.id as number, 1);
    expect((await sourcesOf(central))[0]).toMatchObject({ n: 2 });
  });

  test('a session that reads positions while a rotation is not committed misses none of them afterwards', async () => {
    const central = await givenCentral();
    const before = await sourcesOf(central);
    await rotate(central);
    expect(await rotateOnce(central)).toBe(false);
    const rotation = await central.connect();
    await rotation.script(`begin; select tributary.rotate_positions('0')`);
    const [moved, lag] = [await central.connect(), await central.connect()];
    const reading = [
      readSources(moved, ['s1']),
      lag.query<{ n: number | null }>('select n from tributary.lag_sources()'),
    ] as const;
    await until(
      async () =>
        (
          await rotation.query(
            `select from pg_locks where not granted and relation = any (array['tributary.position_0', 'tributary.position_1']::regclass[])`,
          )
        ).length === 2,
      { what: 'two readers that wait' },
    );
    await rotation.script('commit');
    expect(await reading[0]).toEqual(before);
    expect((await reading[1]).map(({ n }) => n)).toEqual([1, 1]);
  });

  test('positions are carried over while commits go on, and the lock that keeps them out is not needed for it', async () => {
    const central = await givenCentral();
    const [emails] = await sourcesOf(central);
    await rotate(central);
    const commit = await central.connect();
    await commit.script('begin; lock table tributary.position_table in row exclusive mode');
    const countIn = async () =>
      (
        await central.query<{ n: number }>(
          `select case t.current when 0 then (select count(*) from tributary.position_0)
             else (select count(*) from tributary.position_1) end as n from tributary.position_table t`,
        )
      )[0]?.n;
    expect(await countIn()).toBe(0);
    expect(await rotateOnce(central)).toBe(false);
    expect(await countIn()).toBe(2);
    await commit.script('rollback');
    await step(central, emails?.id as number, 1);
    expect(await rotateOnce(central)).toBe(true);
    expect((await sourcesOf(central))[0]).toMatchObject({ n: 2, moved: 1 });
  });

  test('inside a window a position follows only the place in it that the mover knows', async () => {
    const central = await givenCentral();
    const [emails] = await sourcesOf(central);
    const tick = emails?.position?.tick;
    const place = (n: number, after: number | null, last: number) =>
      central.query('select tributary.insert_positions($1::jsonb)', [
        JSON.stringify([
          {
            source: emails?.id,
            n,
            after_tick_id: tick?.id,
            after_tick_time_us: tick?.timeUs,
            after_end_tick_id: after === null ? null : 9,
            after_last_event_id: after,
            tick_id: tick?.id,
            tick_time_us: tick?.timeUs,
            tick_event_seq: 1,
            tick_snapshot_md5: 'm',
            end_tick_id: 9,
            end_tick_time_us: 9,
            end_tick_event_seq: 9,
            end_snapshot_md5: 'e',
            last_event_id: last,
            moved: 1,
          },
        ]),
      ]);
    await place(2, null, 10);
    await expect(place(3, null, 20)).rejects.toMatchObject({ code: 'TB010' });
    await expect(place(3, 11, 20)).rejects.toMatchObject({ code: 'TB010' });
    await place(3, 10, 20);
  });

  test('the same position cannot be taken twice, also with a rotation in between', async () => {
    const central = await givenCentral();
    const [emails] = await sourcesOf(central);
    const tick = emails?.position?.tick;
    const again = () =>
      central.query('select tributary.insert_positions($1::jsonb)', [
        JSON.stringify([
          {
            source: emails?.id,
            n: 2,
            after_tick_id: tick?.id,
            after_tick_time_us: tick?.timeUs,
            tick_id: 99,
            tick_time_us: 1,
            tick_event_seq: 1,
            tick_snapshot_md5: 'm',
            moved: 1,
          },
        ]),
      ]);
    await again();
    await expect(again()).rejects.toMatchObject({ code: 'TB010' });
    await rotate(central);
    await expect(again()).rejects.toMatchObject({ code: 'TB010' });
  });

  test('a source is halted once, and its first reason stays', async () => {
    const central = await givenCentral();
    const [emails] = await sourcesOf(central);
    const connection = await central.connect();
    await haltSource(connection, emails?.id as number, { code: 'diverged', reason: 'first' });
    await haltSource(connection, emails?.id as number, { code: 'diverged', reason: 'second' });
    expect((await sourcesOf(central))[0]).toMatchObject({ state: 'halted', haltReason: 'first' });
  });
});
