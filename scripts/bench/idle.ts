// idle: many databases without events: the messages, transaction ids and processor time that waiting costs.
import { givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { report } from './report.ts';

export async function idle(name: string, { databases = 256, queues = 5, seconds = 20 } = {}): Promise<void> {
  const names = Array.from({ length: queues }, (_, at) => `queue_${at + 1}`);
  const bench = await givenBench({
    shards: databases,
    queues: names.map((queue) => `  ${queue}: { workers: none, create: true }`).join('\n'),
  });
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1']);
  const figures = async () => {
    const [row] = await bench.central.query<{ commits: number; xid: number; connections: number }>(
      `select (select sum(xact_commit) from pg_stat_database where datname like 'app%')::bigint as commits,
         txid_snapshot_xmax(txid_current_snapshot()) as xid,
         (select count(*) from pg_stat_activity where datname like 'app%') as connections`,
    );
    return row as { commits: number; xid: number; connections: number };
  };
  try {
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    const before = await figures();
    const cpuBefore = mover.cpuSeconds();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const after = await figures();
    report(name, {
      databases,
      queues,
      'transactions/s and shard': (after.commits - before.commits) / seconds / databases,
      'transaction ids/s, all databases and central': (after.xid - before.xid) / seconds,
      'connections and shard': after.connections / databases,
      'mover CPU, share of a core': (mover.cpuSeconds() - cpuBefore) / seconds,
      'mover RSS, MB': mover.rssMb(),
    });
  } finally {
    await mover.stop();
    await bench.stop();
  }
}
