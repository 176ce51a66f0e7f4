// A round whose answer nobody takes: what it holds on the shard meanwhile.
import { expect, test } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { type QueueOnShard, resolveQueues } from '../../../src/shards/queue-on-shard.ts';
import { runRound } from '../../../src/shards/round.ts';
import { PreparedRound } from '../../../src/shards/round-statements.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

/** More than the buffers between a server and a client on one machine take. */
const QUEUES = Array.from({ length: 16 }, (_, at) => `q${at + 1}`);

async function given() {
  const database = await givenDatabase();
  for (const queue of QUEUES) {
    await database.query('select pgq.create_queue($1)', [queue]);
    await database.query(`select pgq.set_queue_config($1, 'ticker_max_count', '1')`, [queue]);
  }
  const proxy = await givenProxy({ host: database.database.host, port: database.database.port });
  const shard = await Connection.open(
    { ...database.database, host: proxy.host, port: proxy.port },
    { applicationName: 'tributary mover stalled' },
  );
  const known = await resolveQueues(shard, 'pgq', QUEUES);
  const queues = QUEUES.map((name) => known.get(name) as QueueOnShard);
  const readings = queues.map((queue) => ({
    queue,
    reading: { shard: 's1', queue: queue.queue, where: undefined, columns: {}, origin: 'extra4' as const },
  }));
  const prepared = await PreparedRound.on(shard, readings, { schema: 'pgq' });
  const round = () =>
    runRound(
      shard,
      queues.map((queue) => ({
        queue,
        tickId: 1,
        endTickId: undefined,
        limit: 1_000,
        ticks: 50,
        tick: true,
        read: true,
      })),
      { schema: 'pgq', thoroughness: 'exact', prepared },
    );
  return { database, proxy, shard, round };
}

const backend = async (database: TestDatabase) =>
  (
    await database.query<{ waits: string; xid: number | null }>(
      `select a.wait_event as waits, a.backend_xid::text::bigint as xid
       from pg_stat_activity a
       where a.datname = current_database() and a.application_name = 'tributary mover stalled'`,
    )
  )[0];

test('an answer that is not read keeps no tick lock, and its backend ends', async () => {
  const { database, proxy, shard, round } = await given();
  await round();
  await database.query(
    `select count(pgq.insert_event(q, 't', repeat('x', 1900))) from unnest($1::text[]) q, generate_series(1, 190)`,
    [QUEUES],
  );
  proxy.stall();
  const answer = round().catch((error: unknown) => error);
  await until(async () => (await backend(database))?.waits === 'ClientWrite', {
    what: 'an answer that is not taken',
    timeoutMs: 10_000,
  });
  expect(await backend(database)).toEqual({ waits: 'ClientWrite', xid: null });
  // Others may tick.
  expect(await database.query('select from pgq.queue for no key update skip locked')).toHaveLength(
    QUEUES.length,
  );
  expect(String(await answer)).toContain('No answer within');
  await until(async () => (await backend(database)) === undefined, {
    what: 'the end of its backend',
    timeoutMs: 45_000,
  });
  shard.destroy();
}, 90_000);
