import { describe, expect, test } from 'vitest';
import { haltSource, readSources } from '../../src/central/positions.ts';
import { install } from '../../src/install/install.ts';
import type { TestDatabase } from '../support/database.ts';
import { configFor, givenCluster } from '../support/installation.ts';

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

const rotate = async (central: TestDatabase, period = '0') =>
  (
    await central.query<{ done: boolean }>('select tributary.rotate_positions($1::interval) as done', [
      period,
    ])
  )[0]?.done;

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

  test('they are rotated only when it is time', async () => {
    const central = await givenCentral();
    expect(await rotate(central, '1 hour')).toBe(false);
  });

  test('a rotation does not wait for a commit that is under way, nor for who reads the old table', async () => {
    const central = await givenCentral();
    const [emails] = await sourcesOf(central);
    const commit = await central.connect();
    await commit.script('begin; select pg_advisory_xact_lock_shared(1414678850, -1)');
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
