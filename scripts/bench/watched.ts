// watched: whether events arrive as quickly while the installation is looked at: scraped, polled for readiness, shown on a page, and
// examined by `doctor`. Times with and without take turns in one run, so that whatever else the machine does is in both.
import { givenBench } from './cluster.ts';
import { freePort } from './free-port.ts';
import { writeHandler } from './handled-log.ts';
import { produce } from './load.ts';
import { startTributary } from './mover-process.ts';
import { type Figures, percentile, reportRows } from './report.ts';
import { VISIBLE_SETTINGS } from './visible.ts';

export interface WatchedOptions {
  readonly databases?: number;
  readonly queues?: number;
  readonly rate?: number;
  /** Of each kind; the first pair is not counted. */
  readonly turns?: number;
  readonly seconds?: number;
}

/** As Prometheus, a probe, and a check that is run every minute do it; the page is looked at all the time. */
const EVERY_MS = { metrics: 5_000, readyz: 1_000, doctor: 60_000 } as const;

export async function watched(
  name: string,
  { databases = 256, queues = 5, rate = 800, turns = 3, seconds = 45 }: WatchedOptions = {},
): Promise<void> {
  const names = Array.from({ length: queues }, (_, at) => `queue_${at + 1}`);
  const bench = await givenBench({
    shards: databases,
    queues: names
      .map((queue) => `  ${queue}: { workers: 1, handler: ./handler.mjs, create: true }`)
      .join('\n'),
    settings: VISIBLE_SETTINGS,
    more: 'metrics: { per_source: true }',
  });
  const log = writeHandler(bench);
  const listen = `127.0.0.1:${await freePort()}`;
  const { file } = bench.config;
  const mover = startTributary(['-c', file, 'mover', '--host', '127.0.0.1', '--http', listen], {
    env: log.env,
  });
  const workers = startTributary(['-c', file, 'work'], { env: log.env });
  try {
    const warm = databases / 8 + 10;
    const producing = produce(bench.config, {
      queues: names,
      rate,
      seconds: warm + turns * 2 * seconds + 5,
    });
    await pause(warm * 1_000);
    const times: { readonly isWatched: boolean; readonly fromMs: number; readonly toMs: number }[] = [];
    let looks: Looks = NO_LOOKS;
    for (let turn = 0; turn < turns * 2; turn += 1) {
      const isWatched = turn % 2 === 1;
      const fromMs = Date.now();
      if (isWatched) looks = sum(looks, await watch({ url: `http://${listen}`, file, ms: seconds * 1_000 }));
      else await pause(seconds * 1_000);
      if (turn >= 2) times.push({ isWatched, fromMs, toMs: Date.now() });
    }
    await producing;
    await log.settled();
    const stages = await log.stages(names);
    const rows: Record<string, Figures> = {};
    for (const isWatched of [false, true]) {
      const own = times.filter((one) => one.isWatched === isWatched);
      const latencies = stages
        .filter(({ madeMs }) => own.some(({ fromMs, toMs }) => madeMs >= fromMs && madeMs < toMs))
        .map(({ madeMs, handledMs }) => handledMs - madeMs);
      rows[isWatched ? 'looked at' : 'left alone'] = {
        events: latencies.length,
        'p50, ms': percentile(latencies, 0.5),
        'p95, ms': percentile(latencies, 0.95),
        'p99, ms': percentile(latencies, 0.99),
        ...(isWatched ? looks : {}),
      };
    }
    const [alone, seen] = Object.values(rows) as [Figures, Figures];
    const more = (key: string) => `${((Number(seen[key]) / Number(alone[key]) - 1) * 100).toFixed(1)} %`;
    rows.more = { 'p50, ms': more('p50, ms'), 'p95, ms': more('p95, ms'), 'p99, ms': more('p99, ms') };
    reportRows(name, rows);
  } finally {
    await Promise.all([mover.stop(), workers.stop()]);
    await bench.stop();
  }
}

interface Looks {
  readonly scrapes: number;
  readonly states: number;
  readonly doctors: number;
}

const NO_LOOKS: Looks = { scrapes: 0, states: 0, doctors: 0 };

const sum = (a: Looks, b: Looks): Looks => ({
  scrapes: a.scrapes + b.scrapes,
  states: a.states + b.states,
  doctors: a.doctors + b.doctors,
});

async function watch({
  url,
  file,
  ms,
}: {
  readonly url: string;
  readonly file: string;
  readonly ms: number;
}): Promise<Looks> {
  const stop = AbortSignal.timeout(ms);
  let [scrapes, states, doctors] = [0, 0, 0];
  const page = (async () => {
    const response = await fetch(`${url}/api/stream`, { signal: stop });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      states += decoder.decode(chunk as Uint8Array, { stream: true }).match(/event: state/g)?.length ?? 0;
  })().catch(() => {});
  const every = async (everyMs: number, look: () => Promise<unknown>) => {
    while (!stop.aborted) {
      const beganMs = performance.now();
      await look();
      await pause(Math.max(0, everyMs - (performance.now() - beganMs)), stop);
    }
  };
  await Promise.all([
    page,
    every(EVERY_MS.metrics, async () => {
      await (await fetch(`${url}/metrics`)).text();
      scrapes += 1;
    }),
    every(EVERY_MS.readyz, async () => void (await (await fetch(`${url}/readyz`)).text())),
    every(EVERY_MS.doctor, async () => {
      const doctor = startTributary(['-c', file, 'doctor', '--json'], { isSilent: true });
      await doctor.ended;
      doctors += 1;
    }),
  ]);
  return { scrapes, states, doctors };
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Else a look that lasted beyond the end would be followed by a time without any.
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
