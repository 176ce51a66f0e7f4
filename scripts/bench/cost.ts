// cost: what an event costs in processor time at low loads, of Tributary's processes and of the backends that work for them.
// BENCH_RATES names other loads, in events a second; BENCH_ENGINE=1 takes PostgreSQL 18 with the bundled engine.
import type { Connection } from '../../dist/postgres/connection.js';
import { type BenchCluster, givenBench } from './cluster.ts';
import { type HandledLog, writeHandler } from './handled-log.ts';
import { produce } from './load.ts';
import { type MoverProcess, startTributary } from './mover-process.ts';
import { type Figures, percentile, reportRows } from './report.ts';
import { ownServerCpu } from './server-cpu.ts';
import { VISIBLE_SETTINGS } from './visible.ts';

const RATES = (process.env.BENCH_RATES ?? '0,1,40,400').split(',').map(Number);
const SHARDS = 8;
const QUEUES = Array.from({ length: 5 }, (_, at) => `queue_${at + 1}`);
const WARM_SECONDS = 5;

export async function cost(name: string, { seconds = 20 } = {}): Promise<void> {
  const bench = await givenBench({
    shards: SHARDS,
    queues: QUEUES.map((queue) => `  ${queue}: { workers: 1, handler: ./handler.mjs, create: true }`).join(
      '\n',
    ),
    settings: { ...VISIBLE_SETTINGS, shared_preload_libraries: 'pg_stat_statements' },
    isExtension: process.env.BENCH_ENGINE !== '1',
  });
  const log = writeHandler(bench);
  const program = startTributary(['-c', bench.config.file, 'start', '--host', '127.0.0.1'], { env: log.env });
  const rows: Record<string, Figures> = {};
  try {
    await produce(bench.config, { queues: QUEUES, rate: 40, seconds: 2 });
    while (log.count < 20) await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    for (const rate of RATES)
      rows[`${rate} events/s`] = await measured(rate, { bench, log, program, seconds });
  } finally {
    await program.stop();
    await bench.stop();
  }
  reportRows(name, rows);
}

interface Measured {
  readonly bench: BenchCluster;
  readonly log: HandledLog;
  readonly program: MoverProcess;
  readonly seconds: number;
}

async function measured(rate: number, { bench, log, program, seconds }: Measured): Promise<Figures> {
  const { central, config } = bench;
  const load = { queues: QUEUES, rate };
  const whole = WARM_SECONDS + seconds;
  const producing =
    rate === 0
      ? new Promise((resolve) => setTimeout(resolve, whole * 1_000))
      : produce(config, { ...load, seconds: whole });
  await new Promise((resolve) => setTimeout(resolve, WARM_SECONDS * 1_000));
  const before = await readings(central, program);
  await producing;
  const after = await readings(central, program);
  await log.settled();
  const stages = (await log.stages(QUEUES)).filter(
    ({ madeMs }) => madeMs >= before.atMs && madeMs < after.atMs,
  );
  const latencies = stages.map(({ madeMs, handledMs }) => handledMs - madeMs);
  const passed = (after.atMs - before.atMs) / 1_000;
  const delta = (key: 'processes' | 'ofCentral' | 'ofShards' | 'commits' | 'commitsOfShards' | 'xids') =>
    after[key] - before[key];
  const all = delta('processes') + delta('ofCentral') + delta('ofShards');
  const events = Math.max(1, stages.length);
  return {
    'ms an event': rate === 0 ? '' : (all * 1_000) / events,
    'of which shards': rate === 0 ? '' : (delta('ofShards') * 1_000) / events,
    'central, % of a core': (delta('ofCentral') * 100) / passed,
    'processes, %': (delta('processes') * 100) / passed,
    'shards, ms a second each': (delta('ofShards') * 1_000) / passed / SHARDS,
    'central commits/s': delta('commits') / passed,
    'shard commits/s': (delta('commitsOfShards') - stages.length) / passed / SHARDS,
    'ids/s': delta('xids') / passed,
    'p50, ms': rate === 0 ? '' : percentile(latencies, 0.5),
    'p99, ms': rate === 0 ? '' : percentile(latencies, 0.99),
    handled: stages.length,
  };
}

async function readings(central: Connection, program: MoverProcess) {
  const [row] = await central.query<{ commits: number; shards: number; xids: number }>(
    `select sum(xact_commit) filter (where datname = 'central')::bigint as commits,
       sum(xact_commit) filter (where datname like 'app%')::bigint as shards,
       txid_snapshot_xmax(txid_current_snapshot()) as xids from pg_stat_database`,
  );
  const cpu = await ownServerCpu(central);
  return {
    atMs: Date.now(),
    processes: program.treeCpuSeconds(),
    ofCentral: cpu.central,
    ofShards: cpu.shards,
    commits: Number(row?.commits),
    commitsOfShards: Number(row?.shards),
    xids: Number(row?.xids),
  };
}
