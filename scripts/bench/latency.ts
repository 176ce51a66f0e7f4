// host-share, fleet: from the commit on a shard to the start of the handler, with mover and workers as an operator runs them.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { givenBench } from './cluster.ts';
import { produce } from './load.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';
import { coresBetween, serverCpu } from './server-cpu.ts';
import { type Stages, stagesOf } from './stages.ts';
import { VISIBLE_SETTINGS } from './visible.ts';

export interface LatencyOptions {
  readonly databases: number;
  readonly queues: number;
  readonly rate: number;
  readonly seconds: number;
}

/** Long enough for hundreds of shards to be connected and the events that waited meanwhile to be moved. */
const warmSeconds = (databases: number) => Math.max(6, databases / 8);

/** Appends of each event its queue, its id in central and when the handler began, in ms, a line each. */
const LATENCY_HANDLER = `import { appendFileSync } from 'node:fs';
export default {
  async batch(events) {
    const now = Date.now();
    appendFileSync(process.env.BENCH_LATENCIES, events.map(({ id, origin }) => {
      return origin.queue + ' ' + id + ' ' + now + '\\n';
    }).join(''));
  },
};
`;

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
  const folder = dirname(bench.config.file);
  writeFileSync(join(folder, 'handler.mjs'), LATENCY_HANDLER);
  const file = join(folder, 'latencies');
  writeFileSync(file, '');
  const env = { BENCH_LATENCIES: file };
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1'], { env });
  const workers = startTributary(['-c', bench.config.file, 'work'], { env });
  const read = () => readFileSync(file, 'utf8').split('\n').filter(Boolean);
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
    // What is measured is a steady load: the first event of an idle shard waits for up to a second.
    while (read().length < rate) await new Promise((resolve) => setTimeout(resolve, 100));
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
    await settled(read);
    const handled = read().map((line) => line.split(' ') as [string, string, string]);
    const stages: Stages[] = [];
    for (const queue of names) {
      const own = handled.filter(([of]) => of === queue);
      stages.push(
        ...(await stagesOf(
          bench.central,
          queue,
          own.map(([, id, atMs]) => ({ id: Number(id), atMs: Number(atMs) })),
        )),
      );
    }
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

/** Until no more latencies come for two seconds. */
async function settled(read: () => unknown[]): Promise<void> {
  for (let before = -1, now = read().length; now !== before; before = now, now = read().length) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}
