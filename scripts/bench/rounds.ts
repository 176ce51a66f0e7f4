// rounds: what a look and a round cost the server of a shard, as a mover sends them over its one connection: processor time of the backend.
import { Connection } from '../../dist/postgres/connection.js';
import { lookAt } from '../../dist/shards/look.js';
import { type QueueOnShard, resolveQueues } from '../../dist/shards/queue-on-shard.js';
import { runRound } from '../../dist/shards/round.js';
import { PreparedRound } from '../../dist/shards/round-statements.js';
import { readingsOf } from '../../dist/shards/window.js';
import { type BenchCluster, givenBench } from './cluster.ts';
import { type Figures, percentile, reportRows } from './report.ts';
import { backendCpuUs } from './server-cpu.ts';

const QUEUES = Array.from({ length: 5 }, (_, at) => `queue_${at + 1}`);
/** Rounds before the counted ones: the server plans and fills its caches. */
const WARM = 50;
const COUNTED = 400;

/** From one round to the next: a queue that was ticked less than 20 ms ago is not ticked again. */
const APART_MS = 25;

/** New events of each round, one by one in as many queues. */
const LOADS = [0, 1, 2, 5];

export async function rounds(name: string): Promise<void> {
  const rows: Record<string, Figures> = {};
  for (const isExtension of [true, false]) {
    const bench = await givenBench({
      shards: 1,
      queues: QUEUES.map((queue) => `  ${queue}: { workers: none, create: true }`).join('\n'),
      settings: isExtension ? { track_wal_io_timing: 'on' } : {},
      isExtension,
    });
    try {
      const server = isExtension ? '15, extension' : '18, engine';
      for (const events of LOADS) rows[`${server}: ${events} events`] = await measured(bench, events);
    } finally {
      await bench.stop();
    }
  }
  reportRows(name, rows);
}

async function measured({ config, shards }: BenchCluster, events: number): Promise<Figures> {
  const [producer] = shards as [Connection];
  const shard = config.shards[0] as (typeof config.shards)[number];
  const connection = await Connection.open(shard, { applicationName: 'tributary bench' });
  const queues = [...(await resolveQueues(connection, 'pgq', QUEUES)).values()];
  const feeds = readingsOf(config, shard);
  const readers = queues.flatMap((queue) => {
    const feed = feeds.get(queue.queue);
    return feed === undefined ? [] : [{ queue, reading: feed.reading }];
  });
  const prepared = await PreparedRound.on(connection, readers, { schema: 'pgq' });
  const ticks = new Map<string, number>();
  const [looks, whole]: [number[], number[]] = [[], []];
  let read = 0;
  const cpu = async (what: () => Promise<unknown>, into: number[]) => {
    const before = backendCpuUs(connection.backendPid);
    await what();
    into.push(backendCpuUs(connection.backendPid) - before);
  };
  for (const { queue } of queues) {
    const [row] = await producer.query<{ id: number }>(
      'select max(tick_id) as id from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue where q.queue_name = $1',
      [queue],
    );
    ticks.set(queue, row?.id as number);
  }
  for (let at = 0; at < WARM + COUNTED; at += 1) {
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
    for (const { queue } of queues.slice(0, events))
      await producer.query(`select pgq.insert_event($1, 'order.placed', rpad('', 110, 'x'))`, [queue]);
    const asked = queues.slice(0, Math.max(1, events));
    await cpu(() => lookAt(connection, prepared.lookTexts([])), looks);
    if (events > 0)
      await cpu(async () => (read += await round(connection, asked, { prepared, ticks })), whole);
  }
  await connection.close();
  const middle = (values: number[]) =>
    values.length === 0 ? '' : percentile(values.slice(WARM), 0.5) / 1_000;
  return { 'look, ms': middle(looks), 'round, ms': middle(whole), read };
}

async function round(
  connection: Connection,
  queues: readonly QueueOnShard[],
  { prepared, ticks }: { prepared: PreparedRound; ticks: Map<string, number> },
): Promise<number> {
  const requests = queues.map((queue) => ({
    queue,
    tickId: ticks.get(queue.queue) as number,
    endTickId: undefined,
    limit: 1_000,
    ticks: 10,
    tick: true,
    read: true,
  }));
  const seen = await runRound(connection, requests, {
    schema: 'pgq',
    thoroughness: 'quick',
    isDated: false,
    prepared,
  });
  let read = 0;
  for (const { queue, newest, inline } of seen) {
    read += inline?.count ?? 0;
    if (newest !== undefined) ticks.set(queue, newest.id);
  }
  return read;
}
