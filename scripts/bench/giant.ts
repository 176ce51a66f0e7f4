// giant: one window of two million events on one shard while the others have a steady load: memory, and what it costs them.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BenchCluster, givenBench } from './cluster.ts';
import { LATENCY_HANDLER, settled } from './latency.ts';
import { produce } from './load.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';

const OTHERS = 3;
const RATE = 300;

export async function giant(
  name: string,
  { events = 2_000_000, bytes = 480, seconds = 20 } = {},
): Promise<void> {
  const bench = await givenBench({
    shards: OTHERS + 1,
    queues:
      '  orders: { workers: 1, handler: ./handler.mjs, create: true }\n  bulk: { workers: none, create: true }',
  });
  const file = join(dirname(bench.config.file), 'latencies');
  writeFileSync(join(dirname(file), 'handler.mjs'), LATENCY_HANDLER);
  writeFileSync(file, '');
  const env = { BENCH_LATENCIES: file };
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1'], { env });
  const workers = startTributary(['-c', bench.config.file, 'work'], { env });
  const read = () => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
  const others = { ...bench.config, shards: bench.config.shards.slice(0, OTHERS) };
  const load = (forSeconds: number) =>
    produce(others, { queues: ['orders'], rate: RATE, seconds: forSeconds });
  try {
    await load(5);
    await settled(read);
    const warm = read().length;
    await load(seconds);
    await settled(read);
    const before = read().length;
    const rssBefore = mover.rssMb();
    await insertGiant(bench, { events, bytes });
    const began = performance.now();
    const moving = untilMoved(bench, events).then(() => (performance.now() - began) / 1000);
    let giantSeconds = Number.NaN;
    void moving.then((value) => {
      giantSeconds = value;
    });
    while (Number.isNaN(giantSeconds)) await load(5);
    await settled(read);
    const all = read();
    const [quiet, busy] = [all.slice(warm, before), all.slice(before)];
    report(name, {
      events,
      'MB of data': (events * bytes) / 1_048_576,
      'moved in, s': giantSeconds,
      'mover RSS before, MB': rssBefore,
      'mover peak RSS, MB': mover.peakRssMb(),
      'others p50 without, ms': percentile(quiet, 0.5),
      'others p50 with, ms': percentile(busy, 0.5),
      'others p99 without, ms': percentile(quiet, 0.99),
      'others p99 with, ms': percentile(busy, 0.99),
      'p99 ratio': percentile(busy, 0.99) / percentile(quiet, 0.99),
    });
  } finally {
    await Promise.all([mover.stop(), workers.stop()]);
    await bench.stop();
  }
}

async function insertGiant(
  { shards }: BenchCluster,
  { events, bytes }: { events: number; bytes: number },
): Promise<void> {
  const shard = shards[OTHERS];
  await shard?.script(
    `begin; select pg_current_xact_id(); select set_config('bench.table', pgq.current_event_table('bulk'), true);
     do $$ begin execute format('insert into %s (ev_time, ev_type, ev_data) select now(), ''bulk'',
       rpad(n::text, ${bytes}, ''x'') from generate_series(1, ${events}) n', current_setting('bench.table')); end $$;
     commit`,
    { timeoutMs: 600_000 },
  );
}

async function untilMoved({ central }: BenchCluster, events: number): Promise<void> {
  for (;;) {
    const [row] = await central.query<{ moved: number | null }>(
      `select max(p.moved) as moved from tributary.position p join tributary.source s on s.id = p.source where s.queue = 'bulk'`,
    );
    if ((row?.moved ?? 0) >= events) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
