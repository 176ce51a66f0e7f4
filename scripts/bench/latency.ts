// host-share, fleet: from the commit on a shard to the start of the handler, with mover and workers as an operator runs them.
import { givenBench } from './cluster.ts';
import { writeHandler } from './handled-log.ts';
import { produce } from './load.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';
import { coresBetween, serverCpu } from './server-cpu.ts';
import type { Stages } from './stages.ts';
import { VISIBLE_SETTINGS } from './visible.ts';

export interface LatencyOptions {
  readonly databases: number;
  readonly queues: number;
  readonly rate: number;
  readonly seconds: number;
}

/** Long enough for hundreds of shards to be connected and the events that waited meanwhile to be moved. */
const warmSeconds = (databases: number) => Math.max(6, databases / 8);

export async function latency(
  name: string,
  { databases, queues, rate, seconds }: LatencyOptions,
): Promise<void> {
  const warm = warmSeconds(databases);
  const names = Array.from({ length: queues }, (_, at) => `queue_${at + 1}`);
  const bench = await givenBench({
    shards: databases,
    queues: names
      .map((queue) => `  ${queue}: { workers: 1, handler: ./handler.mjs, create: true }`)
      .join('\n'),
    settings: VISIBLE_SETTINGS,
  });
  const log = writeHandler(bench);
  const { env } = log;
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1'], { env });
  const workers = startTributary(['-c', bench.config.file, 'work'], { env });
  try {
    let server: ReadonlyMap<string, number> = new Map();
    let connections = 0;
    let endedMs = 0;
    const producing = produce(bench.config, {
      queues: names,
      rate,
      seconds: warm + seconds,
      atEnd: async () => {
        endedMs = Date.now();
        server = await serverCpu(bench.central);
        [{ count: connections }] = (await bench.central.query<{ count: number }>(
          "select count(*) from pg_stat_activity where application_name like 'tributary mover%'",
        )) as [{ count: number }];
      },
    });
    // Only a steady load is measured: the first event of an idle shard waits for up to a second.
    while (log.count < rate) await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise((resolve) => setTimeout(resolve, warm * 800));
    const beganMs = Date.now();
    const cpuBefore = mover.cpuSeconds();
    const workersBefore = workers.treeCpuSeconds();
    const serverBefore = await serverCpu(bench.central);
    const statementsBefore = await transactions(bench.central);
    const produced = await producing;
    const measured = (endedMs - beganMs) / 1000;
    const cpu = mover.cpuSeconds() - cpuBefore;
    const workersCpu = workers.treeCpuSeconds() - workersBefore;
    const statements = (await transactions(bench.central)) - statementsBefore;
    await log.settled();
    const stages = await log.stages(names);
    const measuredStages = stages.filter(({ madeMs }) => madeMs >= beganMs && madeMs < endedMs);
    const latencies = measuredStages.map(({ madeMs, handledMs }) => handledMs - madeMs);
    const medianOf = (ms: (stage: Stages) => number) => percentile(measuredStages.map(ms), 0.5);
    report(name, {
      databases,
      queues,
      'events/s asked': rate,
      'events/s made': produced / (warm + seconds),
      handled: latencies.length,
      'p50, ms': percentile(latencies, 0.5),
      'p95, ms': percentile(latencies, 0.95),
      'p99, ms': percentile(latencies, 0.99),
      'max, ms': percentile(latencies, 1),
      'until committed in central, p50, ms': medianOf(({ madeMs, movedMs }) => movedMs - madeMs),
      'until ticked there, p50, ms': medianOf(({ movedMs, tickedMs }) => tickedMs - movedMs),
      'until handled, p50, ms': medianOf(({ tickedMs, handledMs }) => handledMs - tickedMs),
      'connections of the mover to shards': connections,
      'transactions/s on the server': statements / measured,
      'mover CPU, share of a core': cpu / measured,
      'workers CPU, cores': workersCpu / measured,
      'mover RSS, MB': mover.rssMb(),
      ...coresBetween(serverBefore, server, measured),
    });
  } finally {
    await Promise.all([mover.stop(), workers.stop()]);
    await bench.stop();
  }
}

async function transactions(connection: { query: (text: string) => Promise<unknown[]> }): Promise<number> {
  const [row] = await connection.query('select sum(xact_commit)::bigint as count from pg_stat_database');
  return (row as { count: number }).count;
}
