// scrape: what it costs to be looked at, with 1280 sources and a series for each: a scrape, readiness, and what movers report.
import { givenBench } from './cluster.ts';
import { freePort } from './free-port.ts';
import { startTributary } from './mover-process.ts';
import { report } from './report.ts';

const SCRAPES = 30;
const SECONDS = 20;

export async function scrape(name: string, { databases = 256, queues = 5 } = {}): Promise<void> {
  const names = Array.from({ length: queues }, (_, at) => `queue_${at + 1}`);
  const bench = await givenBench({
    shards: databases,
    queues: names.map((queue) => `  ${queue}: { workers: none, create: true }`).join('\n'),
    more: 'metrics: { per_source: true }',
  });
  const listen = `127.0.0.1:${await freePort()}`;
  const mover = startTributary([
    ...['-c', bench.config.file, 'mover', '--host', '127.0.0.1', '--http', listen],
  ]);
  const figures = async () => {
    const [row] = await bench.central.query<{ commits: number; rows: number }>(
      `select (select xact_commit from pg_stat_database where datname = 'central') as commits,
         (select sum(n_tup_ins + n_tup_upd) from pg_stat_user_tables
          where schemaname = 'tributary' and relname in ('source_lag', 'mover_report')) as rows`,
    );
    return row as { commits: number; rows: number };
  };
  try {
    await untilReady(`http://${listen}/readyz`);
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    const before = await figures();
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    const after = await figures();
    const metrics = await timed(`http://${listen}/metrics`);
    const readyz = await timed(`http://${listen}/readyz`);
    report(name, {
      sources: databases * queues,
      'scrape, median ms': metrics.median,
      'scrape, longest ms': metrics.longest,
      'scrape, kB': metrics.bytes / 1_000,
      'readyz, median ms': readyz.median,
      'readyz, longest ms': readyz.longest,
      'transactions/s on central': (after.commits - before.commits) / SECONDS,
      'rows/s written for lag': (after.rows - before.rows) / SECONDS,
      'mover RSS, MB': mover.rssMb(),
    });
  } finally {
    await mover.stop();
    await bench.stop();
  }
}

/** Each after a second, so that none is answered from what the one before has read. */
async function timed(url: string): Promise<{ median: number; longest: number; bytes: number }> {
  const took: number[] = [];
  let bytes = 0;
  for (let n = 0; n < SCRAPES; n += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const beganMs = performance.now();
    const text = await (await fetch(url)).text();
    took.push(performance.now() - beganMs);
    bytes = Buffer.byteLength(text);
  }
  took.sort((a, b) => a - b);
  return { median: took[SCRAPES / 2] ?? 0, longest: took.at(-1) ?? 0, bytes };
}

async function untilReady(url: string): Promise<void> {
  for (let n = 0; n < 600; n += 1) {
    const isReady = await fetch(url).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The mover did not become ready.');
}
