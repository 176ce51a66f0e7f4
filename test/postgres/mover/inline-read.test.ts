import { describe, expect, test } from 'vitest';
import { Cutter } from '../../../src/mover/windows/cutter.ts';
import { pieceOf } from '../../../src/mover/windows/inline-windows.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { endCopyOut, startCopyOut } from '../../../src/shards/copy-out.ts';
import { isOfWindow } from '../../../src/shards/inline-read.ts';
import { type QueueOnShard, resolveQueues } from '../../../src/shards/queue-on-shard.ts';
import { runRound, type SeenQueue } from '../../../src/shards/round.ts';
import { PreparedRound } from '../../../src/shards/round-statements.ts';
import type { Tick } from '../../../src/shards/ticks.ts';
import type { Reading } from '../../../src/shards/window.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const readingOf = (queue: string, more: Partial<Reading> = {}): Reading => ({
  shard: 's1',
  queue,
  where: undefined,
  columns: {},
  origin: 'extra4',
  ...more,
});

/** A tick that counts all numbers given out so far. */
async function tick(database: TestDatabase, queue: string): Promise<void> {
  await database.query(
    'select nextval((select queue_event_seq from pgq.queue where queue_name = $1)::regclass)',
    [queue],
  );
  const ticked = async () =>
    (await database.query<{ id: number | null }>('select pgq.ticker($1) as id', [queue]))[0]?.id;
  await until(ticked, { what: 'a tick' });
}

/** A shard with some queues, each followed from its newest tick. */
async function givenShard(readings: readonly Reading[]) {
  const database = await givenDatabase();
  for (const { queue } of readings) {
    await database.query('select pgq.create_queue($1)', [queue]);
    await database.query(`select pgq.set_queue_config($1, 'ticker_max_count', '1')`, [queue]);
    await tick(database, queue);
  }
  const shard = await database.connect();
  const queues = await resolveQueues(
    shard,
    'pgq',
    readings.map(({ queue }) => queue),
  );
  const readers = readings.map((reading) => ({ reading, queue: queues.get(reading.queue) as QueueOnShard }));
  const prepared = await PreparedRound.on(shard, readers, { schema: 'pgq' });
  const positions = new Map<string, number>();
  const follow = async () => {
    for (const { queue } of readers) {
      const [row] = await database.query<{ id: number }>(
        'select max(tick_id) as id from pgq.tick where tick_queue = $1',
        [queue.queueId],
      );
      positions.set(queue.queue, row?.id as number);
    }
  };
  await follow();
  const round = async (): Promise<SeenQueue[]> => {
    const asked = readers.map(({ queue }) => ({
      queue,
      tickId: positions.get(queue.queue) as number,
      endTickId: undefined,
      limit: 1_000_000,
      ticks: 50,
      tick: true,
      read: true,
    }));
    return await runRound(shard, asked, { schema: 'pgq', thoroughness: 'exact', prepared });
  };
  /** A round that has a window of each queue, found by one after another where need be. */
  const seen = () =>
    until(
      async () => {
        const all = await round();
        return all.every(({ end, uncovered }) => end !== undefined && uncovered === false) && all;
      },
      { what: 'a window of each queue' },
    );
  return { database, shard, readers, seen, follow };
}

async function copied(shard: Connection, seen: SeenQueue, queue: QueueOnShard, reading: Reading) {
  const window = {
    queue,
    start: { ...(seen.start as Tick), snapshot: seen.startSnapshot as string },
    end: seen.end as Tick,
    afterEventId: undefined,
  };
  const cutter = new Cutter();
  const pieces = [];
  for await (const chunk of await startCopyOut(shard, [{ window, reading }])) {
    pieces.push(
      ...cutter.push(chunk as Buffer).map((piece) => ({ ...piece, bytes: Buffer.from(piece.bytes) })),
    );
  }
  await endCopyOut(shard);
  return {
    pieces,
    isOfWindow: seen.inline !== undefined && isOfWindow(seen.inline, window.start, window.end),
  };
}

describe('shards/inline-read', () => {
  test('what comes with the round is byte for byte what a COPY of the same window gives', async () => {
    const { database, shard, readers, seen } = await givenShard([
      readingOf('orders'),
      readingOf('emails', { origin: 'extra1' }),
      readingOf('plain', { origin: 'none' }),
    ]);
    for (const { queue } of readers) {
      await database.query(`select pgq.insert_event($1, 'first', 'Grüße, 世界')`, [queue.queue]);
      await database.query(`select pgq.insert_event($1, null, null, 'own', '', null, null)`, [queue.queue]);
      await database.query(`select pgq.insert_event($1, '', $2, null, null, null, 'taken')`, [
        queue.queue,
        'x'.repeat(1_500),
      ]);
    }
    const windows = await seen();
    expect(windows).toHaveLength(3);
    for (const one of windows) {
      const { queue, reading } = readers.find(
        (reader) => reader.queue.queue === one.queue,
      ) as (typeof readers)[number];
      const { pieces, isOfWindow } = await copied(shard, one, queue, reading);
      expect(isOfWindow).toBe(true);
      expect(one.inline && pieceOf(0, one.inline)).toEqual(pieces[0]);
      expect(pieces).toHaveLength(1);
    }
  });

  test('a queue whose events are read with expressions of the file is left to COPY, its neighbour is not', async () => {
    const { database, seen } = await givenShard([
      readingOf('orders', { where: "ev_type <> 'test'" }),
      readingOf('mapped', { columns: { data: 'upper(ev_data)' } }),
      readingOf('emails'),
    ]);
    for (const queue of ['orders', 'mapped', 'emails']) {
      await database.query(`select pgq.insert_event($1, 'one', 'event')`, [queue]);
    }
    const windows = new Map((await seen()).map((one) => [one.queue, one.inline?.count]));
    expect(Object.fromEntries(windows)).toEqual({ orders: undefined, mapped: undefined, emails: 1 });
  });

  test('many events and large events are left to COPY', async () => {
    const { database, seen } = await givenShard([readingOf('many'), readingOf('large'), readingOf('few')]);
    await database.query(`select pgq.insert_event('many', 'test', n::text) from generate_series(1, 201) n`);
    await database.query(`select pgq.insert_event('large', 'test', repeat('x', 2001))`);
    await database.query(`select pgq.insert_event('few', 'test', n::text) from generate_series(1, 150) n`);
    const windows = new Map((await seen()).map((one) => [one.queue, one.inline?.count]));
    expect(Object.fromEntries(windows)).toEqual({ many: undefined, large: undefined, few: 150 });
  });

  test('numbers taken long ago and committed now do not make a large answer', async () => {
    const { database, seen, follow } = await givenShard([readingOf('orders')]);
    const writer = await database.connect();
    await writer.script(
      `begin; select pgq.insert_event('orders', 'late', n::text) from generate_series(1, 500) n`,
    );
    // A tick that counts them and does not see them is where the window begins.
    await tick(database, 'orders');
    await follow();
    await writer.script('commit');
    const [one] = await seen();
    expect(one?.end).toBeDefined();
    expect(one?.inline).toBeUndefined();
  });

  test('a transaction that was open long before the window makes it one for COPY', async () => {
    const { database, seen, follow } = await givenShard([readingOf('orders')]);
    const writer = await database.connect();
    await writer.script(`begin; select pgq.insert_event('orders', 'late', 'event')`);
    const other = await database.connect();
    await other.script('begin; select pg_current_xact_id(); commit;'.repeat(10_100));
    await tick(database, 'orders');
    await follow();
    await writer.script('commit');
    const [one] = await seen();
    expect(one?.end).toBeDefined();
    expect(one?.inline).toBeUndefined();
  });
});
