// How long events of a queue with lanes are under way to their handler: at rest; while one key floods and one is paused in another
// queue beside it, which keeps the machine as busy; and while they do so in the queue itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { percentile } from './report.ts';

const LANES = 8;
/** Of other keys; each tick brings some events of them. */
const KEYS = 64;
const EVERY_MS = 20;
const EVENTS_A_TICK = 4;
/** The key that floods gets so many at once … */
const FLOOD = 5_000;
/** … this often. */
const FLOOD_EVERY_MS = 2_000;
const PHASE_MS = 12_000;
const QUEUE = 'orders';
const BESIDE = 'beside';

/** Notes when each event began that it is given; events of one key never work. */
const HANDLER = `import { appendFileSync } from 'node:fs';
let lines = '';
setInterval(() => { if (lines) appendFileSync(process.env.BENCH_DELAYS, lines); lines = ''; }, 100).unref();
export default {
  async event(event) {
    if (event.extra1 === 'paused') throw new Error('Never.');
    if (event.extra1 !== 'flood') lines += event.data + ' ' + Date.now() + '\\n';
  },
  async teardown() { appendFileSync(process.env.BENCH_DELAYS, lines); },
};
`;

interface Delay {
  readonly key: string;
  readonly phase: string;
  readonly ms: number;
}

/** @returns figures: of all other keys, and of those that share the lane of the key that floods. */
export async function delaysOfKeys(): Promise<Record<string, number>> {
  const bench = await givenBench({
    shards: 1,
    queues: [QUEUE, BESIDE]
      .map(
        (queue) =>
          `  ${queue}: { key: ev_extra1, lanes: ${LANES}, fair: true, on_failure: pause, workers: 4, handler: ./delays.mjs, create: true, retry: { attempts: 1000, first: 5s, max: 5s } }`,
      )
      .join('\n'),
  });
  const folder = dirname(bench.config.file);
  const file = join(folder, 'delays');
  writeFileSync(join(folder, 'delays.mjs'), HANDLER);
  writeFileSync(file, '');
  const workers = startTributary(['-c', bench.config.file, 'work'], {
    env: { BENCH_DELAYS: file, TRIBUTARY_LOG: 'fatal' },
  });
  try {
    await phase(bench, 'warm', { forMs: 4_000 });
    await phase(bench, 'calm', { forMs: PHASE_MS });
    for (const [name, flooded] of [
      ['beside', BESIDE],
      ['flooded', QUEUE],
    ] as const) {
      await phase(bench, name, { flooded, forMs: PHASE_MS });
      await pause(3_000);
    }
    const delays = readDelays(file);
    const shared = new Set(
      (
        await bench.central.query<{ key: string }>(
          `select k as key from unnest($1::text[]) k
           where tributary.bucket_of(k, 0) % $2 = tributary.bucket_of('flood', 0) % $2`,
          [keys, LANES],
        )
      ).map(({ key }) => key),
    );
    const figures: Record<string, number> = {};
    const p99 = (phase: string, isMeant: (delay: Delay) => boolean) =>
      percentile(
        delays.filter((delay) => delay.phase === phase && isMeant(delay)).map(({ ms }) => ms),
        0.99,
      );
    for (const [who, isMeant] of [
      ['other keys', () => true],
      ["other keys of the flooded key's lane", ({ key }: Delay) => shared.has(key)],
    ] as const) {
      figures[`${who}: p99 at rest, ms`] = p99('calm', isMeant);
      figures[`${who}: p99 while a key floods and one is paused in a queue beside, ms`] = p99(
        'beside',
        isMeant,
      );
      figures[`${who}: p99 while a key floods and one is paused, ms`] = p99('flooded', isMeant);
    }
    return figures;
  } finally {
    await workers.stop();
    await bench.stop();
  }
}

const keys = Array.from({ length: KEYS }, (_, at) => `customer-${at}`);

const insert = (queue: string, events: number): string =>
  `select count(pgq.insert_event('${queue}', 'bench', $2, $1, null, null, null)) from generate_series(1, ${events})`;

/** Inserts and ticks as a mover would do it. */
async function phase(
  { central }: BenchCluster,
  name: string,
  { flooded, forMs }: { readonly flooded?: string; readonly forMs: number },
): Promise<void> {
  const began = performance.now();
  let floodedMs = Number.NEGATIVE_INFINITY;
  for (let turn = 0; performance.now() - began < forMs; turn += 1) {
    const some = Array.from(
      { length: EVENTS_A_TICK },
      () => keys[Math.floor(Math.random() * KEYS)] as string,
    );
    if (flooded !== undefined) {
      if (performance.now() - floodedMs > FLOOD_EVERY_MS) {
        floodedMs = performance.now();
        await central.query(insert(flooded, FLOOD), ['flood', '-']);
      }
      await central.query(insert(flooded, 1), ['paused', '-']);
    }
    await central.query(
      `select pgq.insert_event('${QUEUE}', 'bench', k || ' ${name} ' || $2, k, null, null, null) from unnest($1::text[]) k`,
      [some, String(Date.now())],
    );
    await central.query('select tributary.tick(q, null) from unnest($1::text[]) q', [
      flooded === BESIDE ? [QUEUE, BESIDE] : [QUEUE],
    ]);
    await pause(Math.max(0, began + (turn + 1) * EVERY_MS - performance.now()));
  }
}

function readDelays(file: string): Delay[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [key = '', phase = '', sentMs, beganMs] = line.split(' ');
      return { key, phase, ms: Number(beganMs) - Number(sentMs) };
    });
}
