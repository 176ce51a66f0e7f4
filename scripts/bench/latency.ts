// host-share, fleet: from the commit on a shard to the start of the handler, with mover and workers as an operator runs them.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { givenBench } from './cluster.ts';
import { produce } from './load.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';
import { coresBetween, serverCpu } from './server-cpu.ts';

export interface LatencyOptions {
  readonly databases: number;
  readonly queues: number;
  readonly rate: number;
  readonly seconds: number;
}

/** Appends the latencies of a batch, in ms, a line each. */
export const LATENCY_HANDLER = `import { appendFileSync } from 'node:fs';
export default {
  async batch(events) {
    const now = Date.now();
    appendFileSync(process.env.BENCH_LATENCIES, events.map(({ data }) => (now - Number.parseInt(data, 10)) + '\\n').join(''));
  },
};
`;

export async function latency(
  name: string,
  { databases, queues, rate, seconds }: LatencyOptions,
): Promise<void> {
  const names = Array.from({ length: queues }, (_, at) => `queue_${at + 1}`);
  const bench = await givenBench({
    shards: databases,
    queues: names
      .map((queue) => `  ${queue}: { workers: 1, handler: ./handler.mjs, create: true }`)
      .join('\n'),
  });
  const folder = dirname(bench.config.file);
  writeFileSync(join(folder, 'handler.mjs'), LATENCY_HANDLER);
  const file = join(folder, 'latencies');
  writeFileSync(file, '');
  const env = { BENCH_LATENCIES: file };
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1'], { env });
  const workers = startTributary(['-c', bench.config.file, 'work'], { env });
  const read = () => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
  try {
    await produce(bench.config, { queues: names, rate: Math.min(rate, databases * 2), seconds: 5 });
    await settled(read);
    const warm = read().length;
    const cpuBefore = mover.cpuSeconds();
    const workersBefore = workers.cpuSeconds();
    const serverBefore = await serverCpu(bench.central);
    const statementsBefore = await transactions(bench.central);
    let server: Record<string, number> = {};
    let connections = 0;
    const produced = await produce(bench.config, {
      queues: names,
      rate,
      seconds,
      atEnd: async () => {
        server = coresBetween(serverBefore, await serverCpu(bench.central), seconds);
        [{ count: connections }] = (await bench.central.query<{ count: number }>(
          "select count(*) from pg_stat_activity where application_name like 'tributary mover%'",
        )) as [{ count: number }];
      },
    });
    const cpu = mover.cpuSeconds() - cpuBefore;
    const statements = (await transactions(bench.central)) - statementsBefore;
    await settled(read);
    const latencies = read().slice(warm);
    report(name, {
      databases,
      queues,
      'events/s asked': rate,
      'events/s made': produced / seconds,
      handled: latencies.length,
      'p50, ms': percentile(latencies, 0.5),
      'p95, ms': percentile(latencies, 0.95),
      'p99, ms': percentile(latencies, 0.99),
      'max, ms': percentile(latencies, 1),
      'connections of the mover to shards': connections,
      'transactions/s on the server': statements / seconds,
      'mover CPU, share of a core': cpu / seconds,
      'supervisor CPU, share of a core': (workers.cpuSeconds() - workersBefore) / seconds,
      'mover RSS, MB': mover.rssMb(),
      ...server,
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
export async function settled(read: () => number[]): Promise<void> {
  for (let before = -1, now = read().length; now !== before; before = now, now = read().length) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}
