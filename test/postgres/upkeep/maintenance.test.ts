import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/postgres/connection.ts';
import { maintain, moveRetries } from '../../../src/upkeep/maintenance.ts';
import { moveWatermarks } from '../../../src/upkeep/watermarks.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenServer, type TestServer } from '../../support/server/server.ts';

interface Given {
  readonly shard: TestDatabase;
  readonly connection: Connection;
  /** Makes rotation due, does the maintenance, and says what became of it. */
  rotate(): Promise<string>;
  tick(): Promise<number>;
}

// A transaction anywhere on a server holds rotation up: that of another test file must not.
let server: TestServer;
beforeAll(async () => {
  server = await givenServer();
});

async function givenShard(): Promise<Given> {
  const shard = await givenDatabase({ server });
  const connection = await shard.connect();
  await shard.query(`select pgq.create_queue('orders')`);
  await shard.query(`select pgq.set_queue_config('orders', 'ticker_max_count', '1')`);
  await shard.query(`select pgq.register_consumer('orders', 'mover')`);
  return {
    shard,
    connection,
    async rotate() {
      const outcomes: string[] = [];
      await shard.query(`update pgq.queue set queue_switch_time = now() - interval '1 day'`);
      await maintain(connection, {
        schema: 'pgq',
        queues: ['orders'],
        onRotation: (_queue, outcome) => outcomes.push(outcome),
        onTrouble: (_queue, error) => outcomes.push(`${error}`),
      });
      return outcomes.join();
    },
    async tick() {
      await shard.query(
        `select nextval((select queue_event_seq from pgq.queue where queue_name = 'orders')::regclass)`,
      );
      await shard.query(`select pgq.ticker('orders')`);
      const [row] = await shard.query<{ id: number }>('select max(tick_id) as id from pgq.tick');
      return row?.id as number;
    },
  };
}

const QUIETLY = {
  schema: 'pgq',
  queues: ['orders'],
  onRotation: () => {},
  onTrouble: (_queue: string, error: unknown) => {
    throw error;
  },
};

const current = async ({ shard }: Given) =>
  (
    await shard.query<{ table: number; step2: number | null }>(
      "select queue_cur_table as table, queue_switch_step2 as step2 from pgq.queue where queue_name = 'orders'",
    )
  )[0];
const watermarkOf = async ({ shard }: Given) =>
  (await shard.query<{ tick: number }>('select sub_last_tick as tick from pgq.subscription'))[0]?.tick;
const moveTo = (given: Given, tickId: number, keepMs = 0) =>
  moveWatermarks(given.connection, [{ queue: 'orders', tickId, keepMs }], {
    schema: 'pgq',
    consumer: 'mover',
  });

describe('upkeep/maintenance', () => {
  test('a queue that is due is rotated in its two steps, one that is empty is left alone', async () => {
    const given = await givenShard();
    expect(await given.rotate()).toBe('');
    expect((await current(given))?.table).toBe(0);
    await givenEvents(given.shard, 'orders', 3);
    await moveTo(given, await given.tick());
    expect(await given.rotate()).toBe('rotated');
    expect(await current(given)).toMatchObject({ table: 1, step2: expect.any(Number) });
    expect(await given.rotate()).toBe('a consumer has not passed the last rotation');
  });

  test('nothing is rotated away that the watermark has not passed', async () => {
    const given = await givenShard();
    await givenEvents(given.shard, 'orders', 3);
    for (let turn = 0; turn < 4; turn += 1) {
      await given.rotate();
      await given.tick();
    }
    const [row] = await given.shard.query<{ n: number }>('select count(*) as n from pgq.event_1');
    expect(row?.n).toBe(3);
    for (let turn = 0; turn < 4; turn += 1) {
      await moveTo(given, await given.tick());
      await given.rotate();
    }
    const [left] = await given.shard.query<{ n: number }>('select count(*) as n from pgq.event_1');
    expect(left?.n).toBe(0);
  });

  test('a table that is being read is left for later, without waiting', async () => {
    const given = await givenShard();
    await givenEvents(given.shard, 'orders', 1);
    await moveTo(given, await given.tick());
    const reader = await given.shard.connect();
    await reader.script('begin; select count(*) from pgq.event_1_1');
    expect(await given.rotate()).toContain('a session reads or writes');
    expect((await current(given))?.table).toBe(0);
    await reader.script('commit');
    expect(await given.rotate()).toBe('rotated');
  });

  test('the table of a writer that two rotations overtook is not emptied until its events are moved', async () => {
    const given = await givenShard();
    await givenEvents(given.shard, 'orders', 1);
    const stale = await given.shard.connect();
    await stale.script('begin isolation level repeatable read; select 1');
    for (let turn = 0; turn < 2; turn += 1) {
      await moveTo(given, await given.tick());
      expect(await given.rotate()).toBe('rotated');
    }
    // He writes into the table that was current when he began, and it is the next to be emptied.
    await stale.script(`insert into pgq.event_1_0 (ev_time, ev_type, ev_data) values (now(), 'stale', 'x')`);
    const before = await given.tick();
    await stale.script('commit');
    await moveTo(given, before);
    expect(await given.rotate()).toContain('holds events that a consumer has not passed');
    const kept = await given.shard.query(`select 1 from pgq.event_1 where ev_type = 'stale'`);
    expect(kept).toHaveLength(1);
    await moveTo(given, await given.tick());
    expect(await given.rotate()).toBe('rotated');
  });

  test('a second step that was not done is done later', async () => {
    const given = await givenShard();
    await givenEvents(given.shard, 'orders', 1);
    await moveTo(given, await given.tick());
    await given.shard.query(`update pgq.queue set queue_switch_time = now() - interval '1 day'`);
    await given.shard.query(`select pgq.maint_rotate_tables_step1('orders')`);
    expect((await current(given))?.step2).toBeNull();
    await maintain(given.connection, QUIETLY);
    expect((await current(given))?.step2).not.toBeNull();
  });

  test('retries that are due come back', async () => {
    const given = await givenShard();
    await givenEvents(given.shard, 'orders', 1);
    await given.tick();
    await given.shard.query(
      `select pgq.event_retry(b, ev_id, 0) from pgq.next_batch('orders', 'mover') b, lateral pgq.get_batch_events(b)`,
    );
    const { retried } = await maintain(given.connection, QUIETLY);
    expect(retried).toBe(1);
  });

  test('a queue whose row another transaction keeps is left for later, and nobody waits for that one', async () => {
    const given = await givenShard();
    await givenEvents(given.shard, 'orders', 1);
    await moveTo(given, await given.tick());
    const keeper = await given.shard.connect();
    // As one that puts an event off, or registers a consumer.
    await keeper.script("begin; select 1 from pgq.queue where queue_name = 'orders' for key share");
    expect(await given.rotate()).toBe('another transaction keeps the row of the queue');
    expect((await current(given))?.table).toBe(0);
    await keeper.script('commit');
    expect(await given.rotate()).toBe('rotated');
  });

  test('a queue whose rotation fails keeps no other from its rotation, and none from its retries', async () => {
    const given = await givenShard();
    await given.shard.query(
      `select pgq.create_queue('bad'), pgq.set_queue_config('bad', 'ticker_max_count', '1')`,
    );
    await given.shard.query(`select pgq.register_consumer('bad', 'mover')`);
    await givenEvents(given.shard, 'bad', 1);
    await given.shard.query(
      `update pgq.subscription set sub_last_tick = 77
        where sub_queue = (select queue_id from pgq.queue where queue_name = 'bad')`,
    );
    await givenEvents(given.shard, 'orders', 1);
    await given.tick();
    await given.shard.query(
      `select pgq.event_retry(b, ev_id, 0) from pgq.next_batch('orders', 'mover') b, lateral pgq.get_batch_events(b)`,
    );
    await given.shard.query(
      `select pgq.finish_batch(sub_batch) from pgq.subscription where sub_batch is not null`,
    );
    await given.shard.query(`update pgq.queue set queue_switch_time = now() - interval '1 day'`);
    const seen: string[] = [];
    const done = await maintain(given.connection, {
      schema: 'pgq',
      queues: ['orders', 'bad'],
      onRotation: (queue, outcome) => seen.push(`${queue}: ${outcome}`),
      onTrouble: (queue, error) => seen.push(`${queue}: ${error}`),
    });
    expect(seen).toEqual([expect.stringMatching(/^bad: .*tick 77 not found/), 'orders: rotated']);
    expect(done).toEqual({ rotated: 1, retried: 1 });
    expect((await current(given))?.step2).not.toBeNull();
  });
});

describe('upkeep/watermarks', () => {
  test('a watermark follows the position, and never goes back', async () => {
    const given = await givenShard();
    const [first, second] = [await given.tick(), await given.tick()];
    await moveTo(given, second);
    expect(await watermarkOf(given)).toBe(second);
    expect(await moveTo(given, first)).toEqual([]);
    expect(await watermarkOf(given)).toBe(second);
  });

  test('`keep` holds it back by time', async () => {
    const given = await givenShard();
    const before = await watermarkOf(given);
    const tick = await given.tick();
    expect(await moveTo(given, tick, 3_600_000)).toEqual([]);
    expect(await watermarkOf(given)).toBe(before);
    await given.shard.query(`update pgq.tick set tick_time = tick_time - interval '2 hours'`);
    await moveTo(given, tick, 3_600_000);
    expect(await watermarkOf(given)).toBe(tick);
  });

  test('a registration that was removed is made again at the position', async () => {
    const given = await givenShard();
    const tick = await given.tick();
    await given.shard.query(`select pgq.unregister_consumer('orders', 'mover')`);
    expect(await moveTo(given, tick)).toEqual([{ queue: 'orders', isNew: true }]);
    expect(await watermarkOf(given)).toBe(tick);
  });

  test('rotates nothing and moves no retry where a tick has transaction ids that the server has not reached', async () => {
    const { shard, connection, rotate, tick } = await givenShard();
    await givenEvents(shard, 'orders', 3);
    await tick();
    const newest = '(select max(tick_id) from pgq.tick)';
    const [row] = await shard.query<{ text: string }>(
      `update pgq.tick set tick_snapshot = '9000000000:9000000000:' where tick_id = ${newest} returning tick_snapshot::text as text`,
    );
    await shard.query(
      `select pgq.event_retry_raw('orders', 'mover', now() - interval '1 hour', 1, now(), null, 't', 'd', null, null, null, null)`,
    );
    expect([row?.text, await rotate(), await moveRetries(connection, 'pgq')]).toEqual([
      '9000000000:9000000000:',
      '',
      0,
    ]);
    await shard.query(
      `update pgq.tick set tick_snapshot = txid_current_snapshot() where tick_id = ${newest}`,
    );
    expect(await moveRetries(connection, 'pgq')).toBe(1);
  });
});
