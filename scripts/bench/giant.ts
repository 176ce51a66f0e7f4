// giant: one window of two million events (1 GB), then one event of 200 MB, on one shard. The other shards have a steady load
// into the same central queue. Measures the mover's memory, and how much later the events of the others arrive.
import { type BenchCluster, givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';
import { type Interval, latenciesIn, startProducer, VISIBLE_SETTINGS } from './visible.ts';

const OTHERS = 3;
/** Events a second, of all others. */
const RATE = 300;
const QUIET_MS = 20_000;
/** Making a gigabyte of events leaves work for the server, which should be done before the measurement. */
const REST_MS = 10_000;
/** Segments of the log, 16 MB each: more than the whole bench writes. */
const WAL_FILES = 350;

export async function giant(
  name: string,
  { events = Number(process.env.BENCH_EVENTS ?? 2_000_000), bytes = 480, largeMb = 200 } = {},
): Promise<void> {
  const bench = await givenBench({
    shards: OTHERS + 1,
    queues: '  orders: { workers: none, create: true, from: [orders, bulk] }',
    settings: { ...VISIBLE_SETTINGS, min_wal_size: '6GB' },
  });
  await makeWal(bench);
  const others = bench.config.shards.slice(0, OTHERS);
  const own = bench.config.shards.slice(OTHERS);
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1']);
  const producers = await Promise.all(
    bench.config.shards.map((shard) => startProducer(shard, 'orders', RATE / OTHERS)),
  );
  const quiet: Interval[] = [];
  const during = async (work: () => Promise<unknown>): Promise<Interval> => {
    const fromMs = Date.now();
    await work();
    return { fromMs, toMs: Date.now() };
  };
  const rest = async () => {
    await pause(REST_MS);
    quiet.push(await during(() => pause(QUIET_MS)));
  };
  try {
    await rest();
    const rssBefore = mover.rssMb();
    const commitGiant = await insertGiant(bench, { events, bytes });
    await rest();
    const giants = await during(async () => {
      await commitGiant();
      await untilMoved(bench, events);
    });
    const peakOfGiant = mover.peakRssMb();
    await rest();
    const commitLarge = await insertLarge(bench, largeMb);
    const large = await during(async () => {
      await commitLarge();
      await untilMoved(bench, events + 1);
    });
    await rest();
    await Promise.all(producers.map((producer) => producer.stop()));
    await pause(2_000);
    const latencies = async (shards: typeof others, intervals: readonly Interval[]) => {
      const lists = await Promise.all(
        intervals.map((interval) =>
          latenciesIn(bench.central, {
            queue: 'orders',
            shards: shards.map((shard) => shard.name),
            interval,
          }),
        ),
      );
      return lists.flat();
    };
    const without = await latencies(others, quiet);
    const withGiant = await latencies(others, [giants]);
    const withLarge = await latencies(others, [large]);
    const ownWithGiant = await latencies(own, [giants]);
    report(name, {
      events,
      'MB of data': (events * bytes) / 1_048_576,
      'moved in, s': (giants.toMs - giants.fromMs) / 1000,
      'mover RSS before, MB': rssBefore,
      'mover peak RSS, MB': peakOfGiant,
      'others p50 without, ms': percentile(without, 0.5),
      'others p50 with, ms': percentile(withGiant, 0.5),
      'others p99 without, ms': percentile(without, 0.99),
      'others p99 with, ms': percentile(withGiant, 0.99),
      'p99 ratio': percentile(withGiant, 0.99) / percentile(without, 0.99),
      'p99 of its own shard’s other queue, ms': percentile(ownWithGiant, 0.99),
      'large event, MB': largeMb,
      'large event moved in, s': (large.toMs - large.fromMs) / 1000,
      'peak RSS with it, MB': mover.peakRssMb(),
      'others p99 with it, ms': percentile(withLarge, 0.99),
    });
  } finally {
    await Promise.all(producers.map((producer) => producer.stop()));
    await mover.stop();
    await bench.stop();
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * A server that has run for long writes into the files that its log left behind. One that is new makes each of them first, and
 * all who commit wait for that, some fifty milliseconds every 16 MB.
 */
async function makeWal({ central }: BenchCluster): Promise<void> {
  for (let file = 0; file < WAL_FILES; file += 1)
    await central.script("select pg_logical_emit_message(false, 'bench', ''); select pg_switch_wal()");
  // Segments before the last but one may be used again.
  for (let time = 0; time < 2; time += 1) await central.query('checkpoint', [], { timeoutMs: 120_000 });
}

/** @returns how to commit it. */
async function insertGiant(
  { shards }: BenchCluster,
  { events, bytes }: { events: number; bytes: number },
): Promise<() => Promise<unknown>> {
  const shard = shards[OTHERS];
  await shard?.script(
    `begin; select pg_current_xact_id(); select set_config('bench.table', pgq.current_event_table('bulk'), true);
     do $$ begin execute format('insert into %s (ev_time, ev_type, ev_data) select now(), ''bulk'',
       rpad(n::text, ${bytes}, ''x'') from generate_series(1, ${events}) n', current_setting('bench.table')); end $$`,
    { timeoutMs: 600_000 },
  );
  return async () => await shard?.script('commit');
}

async function insertLarge({ shards }: BenchCluster, megabytes: number): Promise<() => Promise<unknown>> {
  const shard = shards[OTHERS];
  await shard?.script(
    `begin; select pgq.insert_event('bulk', 'large', string_agg(md5(n::text), '')) from generate_series(1, ${megabytes * 32_768}) n`,
    { timeoutMs: 600_000 },
  );
  return async () => await shard?.script('commit');
}

async function untilMoved({ central }: BenchCluster, events: number): Promise<void> {
  for (;;) {
    const [row] = await central.query<{ moved: number | null }>(
      `select max(p.moved) as moved from tributary.position p join tributary.source s on s.id = p.source where s.queue = 'bulk'`,
    );
    if ((row?.moved ?? 0) >= events) return;
    await pause(100);
  }
}
