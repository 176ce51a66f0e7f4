// goodput: how many good events are handled while 1 % of all fail and 0.01 % kill their worker, compared with a run in which
// none does. The handler is `event` and writes one row; workers run as an operator runs them. First under a steady load that
// leaves them room, then with a backlog.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { report } from './report.ts';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 50_000);
const WORKERS = 2;
const EVENTS_PER_TICK = 5_000;
/** The steady load in events a second: about a tenth of what the workers can do. */
const RATE = Number(process.env.BENCH_RATE ?? 2_000);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 30);
const EVERY_MS = 50;
const SHARES = { none: [0, 0], failing: [0.01, 0], killing: [0, 0.0001], both: [0.01, 0.0001] } as const;

/** The number of an event decides whether it is bad, so that every try of it ends the same way. */
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
    const figures: Record<string, number> = {
      events: EVENTS,
      workers: WORKERS,
      'steady load, events/s': RATE,
    };
    let good = Number.NaN;
    for (const [what, shares] of Object.entries(SHARES)) {
      const steady = await underLoad(bench, shares);
      if (what === 'none') good = steady.goodInTime;
      figures[`steady, ${what}: good ones handled while the load lasts`] = steady.goodInTime;
      figures[`steady, ${what}: share of those without bad ones`] =
        steady.goodInTime / ((good * (steady.events - steady.dead)) / steady.events);
      figures[`steady, ${what}: dead`] = steady.dead;
    }
    let reference = Number.NaN;
    for (const [what, shares] of Object.entries(SHARES)) {
      const { goodMs, dead } = await run(bench, shares);
      if (what === 'none') reference = goodMs;
      figures[`backlog, ${what}: all good ones handled after, ms`] = goodMs;
      figures[`backlog, ${what}: time against none`] = goodMs / reference;
      figures[`backlog, ${what}: goodput, events/s`] = (EVENTS - dead) / (goodMs / 1000);
      figures[`backlog, ${what}: dead`] = dead;
    }
    report(name, figures);
  } finally {
    await bench.stop();
  }
}

/** The workers have room, so that good events wait for nothing but the bad ones. */
async function underLoad(
  { central, config }: BenchCluster,
  shares: readonly [number, number],
): Promise<{ events: number; goodInTime: number; dead: number }> {
  const workers = await begin({ central, config }, shares);
  let made = 0;
  const make = async (count: number) => {
    await central.query(PRODUCE, [made + 1, made + count]);
    made += count;
  };
  try {
    // Measured only once all workers run.
    await make(1_000);
    await until(async () => (await count(central)).handled > 0);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const beganMs = performance.now();
    for (let step = 1; step <= (SECONDS * 1000) / EVERY_MS; step += 1) {
      await make((RATE * EVERY_MS) / 1000);
      const waitMs = beganMs + step * EVERY_MS - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    const { handled: goodInTime } = await count(central);
    await untilAll(central, made);
    return { events: made, goodInTime, dead: (await count(central)).dead };
  } finally {
    await workers.stop();
  }
}

const PRODUCE = `select count(pgq.insert_event('orders', 'made', n::text, null, null, null, 's:orders:' || n))
  from generate_series($1::int, $2::int) n`;

async function begin(
  { central, config }: Pick<BenchCluster, 'central' | 'config'>,
  [failing, killing]: readonly [number, number],
) {
  await central.script('truncate effect; truncate tributary.dead_event; analyze effect');
  return startTributary(['-c', config.file, 'work'], {
    env: { BENCH_SHARES: `${failing} ${killing}`, TRIBUTARY_LOG: process.env.BENCH_LOG ?? 'silent' },
  });
}

async function count(central: BenchCluster['central']): Promise<{ handled: number; dead: number }> {
  const [row] = await central.query<{ handled: number; dead: number }>(
    'select (select count(*) from effect) as handled, (select count(*) from tributary.dead_event) as dead',
  );
  return row as { handled: number; dead: number };
}

/** @throws where an event was lost, or handled twice, or is both handled and dead. */
async function untilAll(central: BenchCluster['central'], events: number): Promise<void> {
  await until(async () => {
    const { handled, dead } = await count(central);
    return handled + dead >= events;
  });
  const [row] = await central.query<{ distinct: number }>('select count(distinct n) as distinct from effect');
  const { handled, dead } = await count(central);
  if (handled !== row?.distinct || handled + dead !== events)
    throw new Error(
      `Of ${events} events ${handled} were handled, ${row?.distinct} different ones, ${dead} are dead.`,
    );
}

/** From the first effect to the last one of a good event; then until all bad ones are dead. */
async function run(
  { central, config }: BenchCluster,
  shares: readonly [number, number],
): Promise<{ goodMs: number; dead: number }> {
  await central.script('truncate effect; truncate tributary.dead_event; analyze effect');
  for (let made = 0; made < EVENTS; made += EVENTS_PER_TICK) {
    await central.query(PRODUCE, [made + 1, Math.min(EVENTS, made + EVENTS_PER_TICK)]);
    await central.query("select tributary.tick('orders', null)");
  }
  const bad = Math.round(EVENTS * (shares[0] + shares[1]));
  const workers = await begin({ central, config }, shares);
  try {
    const startMs = await until(async () => (await count(central)).handled > 0);
    const endMs = await until(async () => (await count(central)).handled >= EVENTS - bad);
    await untilAll(central, EVENTS);
    return { goodMs: endMs - startMs, dead: (await count(central)).dead };
  } finally {
    await workers.stop();
  }
}

async function until(condition: () => Promise<boolean>): Promise<number> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
  return performance.now();
}
