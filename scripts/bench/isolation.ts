// isolation: 64 shards, of which 10 % turn into black holes, 5 % answer 2 s later, one sends events that central refuses and
// one has 100 times the load: what it costs the others, in phases that alternate with phases in which all are well.
import { type Detour, openDetour } from './bad-network.ts';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { percentile, report } from './report.ts';
import { type Interval, latenciesIn, type Producer, startProducer, VISIBLE_SETTINGS } from './visible.ts';

const SHARDS = 64;
const DEAD = 6;
const SLOW = 3;
const SLOW_MS = 2_000;
/** Events a second and shard: so many that rounds of a shard seldom wait for events, which would hide all other delays. */
const RATE = Number(process.env.BENCH_RATE ?? 16);
const HOT_RATE = 100 * RATE;
const POISON_EVERY_MS = 2_000;
/** Time between a change and the next measurement, so that events that waited are moved first. */
const SETTLE_MS = 15_000;
const MEASURED_MS = 20_000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);

export async function isolation(name: string): Promise<void> {
  const detours: Detour[] = [];
  const bench = await givenBench({
    shards: SHARDS,
    queues: '  orders: { workers: none, create: true }',
    settings: VISIBLE_SETTINGS,
    portOf: async (at, server) => {
      if (at >= DEAD + SLOW) return server.port;
      const detour = await openDetour(server);
      detours.push(detour);
      return detour.port;
    },
  });
  await refusePoison(bench);
  const names = bench.config.shards.map((shard) => shard.name);
  const healthy = names.slice(DEAD + SLOW + 2);
  const mover = startTributary(['-c', bench.config.file, 'mover', '--host', '127.0.0.1'], {
    env: { TRIBUTARY_LOG: 'fatal' },
  });
  // Producers connect directly to the server, not through the bad network.
  const producers = await Promise.all(
    bench.config.shards.map((shard) => startProducer({ ...shard, port: bench.server.port }, 'orders', RATE)),
  );
  const [poisoned, hot] = producers.slice(DEAD + SLOW) as [Producer, Producer];
  let poison: NodeJS.Timeout | undefined;
  const turnBad = () => {
    for (const detour of detours.slice(0, DEAD)) detour.blackHole();
    for (const detour of detours.slice(DEAD)) detour.slow(SLOW_MS);
    hot.rate = HOT_RATE;
    poison = setInterval(() => {
      poisoned.type = 'poison';
      setTimeout(() => {
        poisoned.type = 'bench';
      }, 1000 / RATE);
    }, POISON_EVERY_MS);
  };
  const turnWell = () => {
    clearInterval(poison);
    for (const detour of detours) detour.heal();
    hot.rate = RATE;
  };
  const intervals: Record<'well' | 'bad', Interval[]> = { well: [], bad: [] };
  const reasons = new Set<string>();
  const measure = async (phase: 'well' | 'bad') => {
    await pause(SETTLE_MS);
    const fromMs = Date.now();
    const cpu = mover.cpuSeconds();
    await pause(MEASURED_MS);
    intervals[phase].push({ fromMs, toMs: Date.now() });
    cpuOf[phase] += (mover.cpuSeconds() - cpu) / (MEASURED_MS / 1000) / ROUNDS;
    if (phase === 'bad') for (const reason of await reasonsIn(bench)) reasons.add(reason);
  };
  const cpuOf = { well: 0, bad: 0 };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      await measure('well');
      turnBad();
      await measure('bad');
      turnWell();
    }
    await pause(SETTLE_MS);
    await Promise.all(producers.map((producer) => producer.stop()));
    const latencies = async (phase: Interval[], shards: readonly string[]) =>
      await Promise.all(
        phase.map((interval) => latenciesIn(bench.central, { queue: 'orders', shards, interval })),
      );
    const [well, bad] = [await latencies(intervals.well, healthy), await latencies(intervals.bad, healthy)];
    const slow = (await latencies(intervals.bad, names.slice(DEAD, DEAD + SLOW))).flat();
    const hots = (await latencies(intervals.bad, names.slice(DEAD + SLOW + 1, DEAD + SLOW + 2))).flat();
    const p99s = (phases: readonly number[][]) =>
      phases.map((phase) => Math.round(percentile(phase, 0.99))).join(', ');
    report(name, {
      'healthy shards': healthy.length,
      'events without': well.flat().length,
      'events with': bad.flat().length,
      'p50 without bad shards, ms': percentile(well.flat(), 0.5),
      'p50 with, ms': percentile(bad.flat(), 0.5),
      'p99 without bad shards, ms': percentile(well.flat(), 0.99),
      'p99 with, ms': percentile(bad.flat(), 0.99),
      'p99 ratio': percentile(bad.flat(), 0.99) / percentile(well.flat(), 0.99),
      'p99 of each phase without, ms': p99s(well),
      'p99 of each phase with, ms': p99s(bad),
      'p99 of the slow ones, ms': percentile(slow, 0.99),
      'p99 of the hot one, ms': percentile(hots, 0.99),
      'dead events': await deadEvents(bench),
      'mover CPU without, share of a core': cpuOf.well,
      'mover CPU with, share of a core': cpuOf.bad,
      'mover peak RSS, MB': mover.peakRssMb(),
    });
    process.stdout.write(`what lag said of the bad ones:\n${[...reasons].sort().join('\n')}\n`);
  } finally {
    clearInterval(poison);
    await mover.stop();
    for (const detour of detours) detour.close();
    await bench.stop();
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function refusePoison({ central }: BenchCluster): Promise<void> {
  const tables = await central.query<{ name: string }>(
    `select i.inhrelid::regclass::text as name from pgq.queue q join pg_inherits i on i.inhparent = q.queue_data_pfx::regclass`,
  );
  for (const { name } of tables)
    await central.query(`alter table ${name} add check (ev_type is distinct from 'poison')`);
}

async function reasonsIn({ central }: BenchCluster): Promise<string[]> {
  const rows = await central.query<{ line: string }>(
    `select s.shard || ': ' || l.state || ': ' || l.reason as line
     from tributary.source_lag l join tributary.source s on s.id = l.source where l.reason is not null`,
  );
  return rows.map(({ line }) => line.replace(/for \d.*?;/, 'for …;'));
}

async function deadEvents({ central }: BenchCluster): Promise<number> {
  const [row] = await central.query<{ count: number }>('select count(*) from tributary.dead_event');
  return row?.count ?? 0;
}
