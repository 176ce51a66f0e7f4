// forward, small-ticks: a backlog on four shards moved by one mover, against the raw COPY pipe in the same run.

import { makeBacklog } from './backlog.ts';
import { currentTable, givenBench } from './cluster.ts';
import { startMover } from './mover-process.ts';
import { runPipes } from './raw-pipe.ts';
import { report } from './report.ts';

const SHARDS = 4;
const COLUMNS = 'ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';

export async function forward(
  name: string,
  { events = 1_000_000, eventsPerTick = 10_000 } = {},
): Promise<void> {
  const bench = await givenBench({
    shards: SHARDS,
    queues: '  orders: { workers: none, create: true }\n  raw: { workers: none, create: true }',
  });
  try {
    await Promise.all(
      bench.shards.map((shard) =>
        makeBacklog(shard, { queue: 'orders', events: events / SHARDS, eventsPerTick }),
      ),
    );
    await bench.central.query('checkpoint');
    const rawTable = await currentTable(bench.central, 'raw');
    const rawSeconds = await runPipes(
      await Promise.all(
        bench.shards.map(async (shard, at) => ({
          from: bench.url(bench.config.shards[at]?.database ?? ''),
          to: bench.url('central'),
          select: `select ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, 'app:orders:' || ev_id from ${await currentTable(shard, 'orders')}`,
          into: `${rawTable} (${COLUMNS})`,
        })),
      ),
    );
    await bench.central.query('checkpoint');
    const began = performance.now();
    const mover = startMover(bench.config.file);
    let moved = 0;
    let firstMs = 0;
    while (moved < events) {
      const [row] = await bench.central.query<{ moved: number }>(
        `select coalesce(sum(moved), 0)::bigint as moved from (select distinct on (source) moved from tributary.position order by source, n desc) p`,
      );
      moved = row?.moved ?? 0;
      if (moved > 0 && firstMs === 0) firstMs = performance.now() - began;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const seconds = (performance.now() - began) / 1000;
    const figures = {
      events,
      'events per tick': eventsPerTick,
      'raw pipe, events/s': events / rawSeconds,
      'mover, events/s': events / seconds,
      ratio: rawSeconds / seconds,
      'until the first commit, s': firstMs / 1000,
      'ratio without start-up': rawSeconds / (seconds - firstMs / 1000),
      'mover CPU, s': mover.cpuSeconds(),
      'mover peak RSS, MB': mover.peakRssMb(),
    };
    await mover.stop();
    report(name, figures);
  } finally {
    await bench.stop();
  }
}
