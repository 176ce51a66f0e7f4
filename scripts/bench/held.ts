// held: what a commit costs while a snapshot is held, first on central, then on a shard, for BENCH_HOLD_SECONDS each.
import { Mover } from '../../dist/mover/mover.js';
import { Connection } from '../../dist/postgres/connection.js';
import { givenBench } from './cluster.ts';
import { produce } from './load.ts';
import { percentile, report } from './report.ts';

const SHARDS = 4;
const RATE = 400;
/** This long, at the end of each phase, commits are measured. */
const MEASURED_SECONDS = 30;

export async function held(name: string): Promise<void> {
  const holdSeconds = Number(process.env.BENCH_HOLD_SECONDS ?? 600);
  const bench = await givenBench({ shards: SHARDS, queues: '  orders: { workers: none, create: true }' });
  const commits: number[] = [];
  const mover = new Mover({
    config: bench.config,
    host: '127.0.0.1',
    onOccurrence: (one) => {
      if (one.kind === 'committed') commits.push(one.ms);
    },
  });
  const running = mover.run();
  const load = (seconds: number) => produce(bench.config, { queues: ['orders'], rate: RATE, seconds });
  const measured = async () => {
    commits.length = 0;
    await load(MEASURED_SECONDS);
    return { p50: percentile(commits, 0.5), p99: percentile(commits, 0.99) };
  };
  const whileHeld = async (database: (typeof bench.config)['central']) => {
    const holder = await Connection.open(database, { applicationName: 'bench holder' });
    await holder.script('begin isolation level repeatable read; select count(*) from pgq.tick');
    await load(Math.max(1, holdSeconds - MEASURED_SECONDS));
    const figures = await measured();
    await holder.close();
    return figures;
  };
  try {
    await load(10);
    const free = await measured();
    const central = await whileHeld(bench.config.central);
    const shard = await whileHeld(bench.config.shards[0] as (typeof bench.config)['central']);
    report(name, {
      'held, s': holdSeconds,
      'commit p50 free, ms': free.p50,
      'commit p50 held on central, ms': central.p50,
      'commit p50 held on a shard, ms': shard.p50,
      'commit p99 free, ms': free.p99,
      'commit p99 held on central, ms': central.p99,
      'ratio held on central': central.p50 / free.p50,
      'ratio held on a shard': shard.p50 / free.p50,
    });
  } finally {
    await mover.stop();
    await running;
    await bench.stop();
  }
}
