import { expect, test } from 'vitest';
import { groupName } from '../../../src/queue/names.ts';
import { maintain } from '../../../src/upkeep/maintenance.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenMover, proofOf } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const ROWS = 40_000;

/** Fills all event tables of the first queue with what everybody has passed long ago; they are never analysed. */
async function fill(database: TestDatabase): Promise<void> {
  for (const n of [0, 1, 2]) {
    await database.query(`alter table pgq.event_1_${n} set (autovacuum_enabled = off)`);
    await database.query(
      `insert into pgq.event_1_${n} (ev_id, ev_time, ev_txid, ev_type, ev_data)
       select -k, now(), 3, 'old', repeat('x', 100) from generate_series(1, ${ROWS}) k`,
    );
  }
}

/** Rotates the first queue, whose consumers have passed everything. */
async function rotate(database: TestDatabase): Promise<string> {
  const connection = await database.connect();
  const outcomes: string[] = [];
  await until(
    async () => {
      await connection.query(
        `select setval(queue_event_seq::regclass, nextval(queue_event_seq::regclass)), pgq.ticker(queue_name)
         from pgq.queue where queue_id = 1`,
      );
      await connection.query(
        `update pgq.subscription set sub_last_tick = (select max(tick_id) from pgq.tick where tick_queue = 1) where sub_queue = 1`,
      );
      await connection.query(`update pgq.queue set queue_switch_time = now() - interval '1 day'`);
      await maintain(connection, {
        schema: 'pgq',
        queues: ['orders'],
        onRotation: (_, outcome) => outcomes.push(outcome),
        onTrouble: (_, error) => outcomes.push(`${error}`),
      });
      return outcomes.at(-1) === 'rotated';
    },
    { what: 'a rotation' },
  ).catch(() => {});
  await connection.close();
  return outcomes.at(-1) ?? 'none';
}

/** Rows of event and position tables that were read from one end to the other. */
async function readWhole(database: TestDatabase): Promise<Record<string, number>> {
  const rows = await database.query<{ name: string; rows: number }>(
    `select relname as name, seq_tup_read as rows from pg_stat_user_tables
     where relname ~ '^(event_1|position)_[0-9]' and seq_tup_read > 1000 order by 1`,
  );
  return Object.fromEntries(rows.map(({ name, rows: read }) => [name, read]));
}

test('forwarding, lag, ticks, batches and rotations never read the whole of an event table or a table of positions', async () => {
  const given = await givenMover({
    shards: 1,
    queues: '  orders: { workers: 0, create: true }',
  });
  const { central } = given.cluster;
  const [shard] = given.cluster.shards as [TestDatabase];
  await fill(central);
  await fill(shard);
  await central.query(
    `insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
     select s.id, -k, 1, 1, 1, 'm', 0 from tributary.source s, generate_series(1, ${ROWS}) k`,
  );
  const { mover, ended } = given.start();
  for (let n = 1; n <= 5; n += 1) {
    await givenEvents(shard, 'orders', 3);
    await until(
      async () => (await central.query(`select from pgq.event_1 where ev_txid > 3`)).length === 3 * n,
      {
        what: `${3 * n} events`,
      },
    );
  }
  expect((await run(['-c', given.config.file, 'lag', '--by', 'source'])).code).toBe(0);
  await mover.stop();
  await ended;
  const worker = await central.connect();
  const group = groupName(given.config);
  await worker.query(`select tributary.tick('orders', null)`);
  await worker.query(`select tributary.coop_register($1, $2, 'w1')`, ['orders', group]).catch(() => {});
  await worker.query(`select count(*) from pgq.next_batch('orders', $1) b, pgq.get_batch_events(b)`, [group]);
  await worker.query('select tributary.rotate_positions($1::interval)', ['0']);
  await worker.query('select tributary.rotate_positions($1::interval)', ['0']);
  await worker.close();
  expect([await rotate(shard), await rotate(central)]).toEqual(['rotated', 'rotated']);
  await until(
    async () =>
      (
        await shard.query('select from pg_stat_user_tables where relname ~ $1 and idx_scan > 0', [
          '^event_1_',
        ])
      ).length > 0,
    { what: 'statistics' },
  );
  expect([await readWhole(shard), await readWhole(central)]).toEqual([{}, {}]);
  expect((await proofOf(given, 'orders')).twice).toEqual([]);
});
