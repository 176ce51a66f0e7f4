// goodput: events that are handled while 1 % of all fail and 0.01 % kill their worker, against a run in which none does. An
// `event` handler that writes one row, by workers as an operator runs them.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { report } from './report.ts';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 50_000);
const WORKERS = 2;
const EVENTS_PER_TICK = 5_000;
const SHARES = { none: [0, 0], failing: [0.01, 0], killing: [0, 0.0001], both: [0.01, 0.0001] } as const;

/** Which events are bad follows from their number, so that every try of one is the same. */
const HANDLER = `const [failing, killing] = process.env.BENCH_SHARES.split(' ').map(Number);
export default {
  async event(event, { client }) {
    const n = Number(event.data);
    await client.query('insert into effect (n) values ($1)', [n]);
    if ((n * 7919) % 10000 < killing * 10000) process.exit(1);
    if ((n * 6101 + 5000) % 10000 < failing * 10000) throw new Error('one of the bad ones');
  },
};
`;

export async function goodput(name: string): Promise<void> {
  const bench = await givenBench({
    shards: 1,
    queues: `  orders: { workers: ${WORKERS}, handler: ./handler.mjs, create: true, retry: { attempts: 2, first: 50ms, max: 100ms } }`,
  });
  try {
    writeFileSync(join(dirname(bench.config.file), 'handler.mjs'), HANDLER);
    await bench.central.script('create table effect (n bigint)');
    const figures: Record<string, number> = { events: EVENTS, workers: WORKERS };
    let reference = Number.NaN;
    for (const [what, shares] of Object.entries(SHARES)) {
      const { goodMs, dead } = await run(bench, shares);
      if (what === 'none') reference = goodMs;
      figures[`${what}: all good ones handled after, ms`] = goodMs;
      figures[`${what}: time against none`] = goodMs / reference;
      figures[`${what}: goodput, events/s`] = (EVENTS - dead) / (goodMs / 1000);
      figures[`${what}: dead`] = dead;
    }
    report(name, figures);
  } finally {
    await bench.stop();
  }
}

/** From the first effect to the last one of a good event; then until all bad ones are dead. */
async function run(
  { central, config }: BenchCluster,
  [failing, killing]: readonly [number, number],
): Promise<{ goodMs: number; dead: number }> {
  await central.script('truncate effect; truncate tributary.dead_event; analyze effect');
  for (let made = 0; made < EVENTS; made += EVENTS_PER_TICK) {
    await central.query(
      `select count(pgq.insert_event('orders', 'made', n::text, null, null, null, 's:orders:' || n))
         from generate_series($1::int, $2::int) n`,
      [made + 1, Math.min(EVENTS, made + EVENTS_PER_TICK)],
    );
    await central.query("select tributary.tick('orders', null)");
  }
  const bad = Math.round(EVENTS * (failing + killing));
  const workers = startTributary(['-c', config.file, 'work'], {
    env: { BENCH_SHARES: `${failing} ${killing}`, TRIBUTARY_LOG: process.env.BENCH_LOG ?? 'silent' },
  });
  const count = async () => {
    const [row] = await central.query<{ handled: number; dead: number }>(
      'select (select count(*) from effect) as handled, (select count(*) from tributary.dead_event) as dead',
    );
    return row as { handled: number; dead: number };
  };
  try {
    const startMs = await until(async () => (await count()).handled > 0);
    const endMs = await until(async () => (await count()).handled >= EVENTS - bad);
    await until(async () => (await count()).dead >= bad);
    const [row] = await central.query<{ distinct: number }>(
      'select count(distinct n) as distinct from effect',
    );
    const { handled, dead } = await count();
    if (handled !== row?.distinct || handled + dead !== EVENTS)
      throw new Error(
        `Of ${EVENTS} events ${handled} were handled, ${row?.distinct} different ones, ${dead} are dead.`,
      );
    return { goodMs: endMs - startMs, dead };
  } finally {
    await workers.stop();
  }
}

async function until(condition: () => Promise<boolean>): Promise<number> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
  return performance.now();
}
