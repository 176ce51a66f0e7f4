// lanes: a backlog worked off by four workers with and without lanes, how long other keys wait while one floods and one is paused, and
// what lanes cost that have nothing to do.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeBacklog } from './backlog.ts';
import { type BenchCluster, givenBench } from './cluster.ts';
import { delaysOfKeys } from './lanes-delays.ts';
import { startTributary } from './mover-process.ts';
import { serverCpuSeconds } from './processes.ts';
import { report } from './report.ts';
import { HANDLERS } from './work.ts';
import { workOff } from './work-off.ts';

const LANES = 8;
const WORKERS = 4;
const KEYS = 1_000;
const LANES_OF_QUEUE = `key: ev_extra1, lanes: ${LANES}, workers: ${WORKERS}`;
const HANDLERS_COMPARED = ['noop', 'row'] as const;
/** As part of the events: a handler that writes a row each takes its time. */
const PART = { noop: 1, row: 0.2 };

type Figures = Record<string, string | number>;

export async function lanes(
  name: string,
  { events = 200_000, eventsPerTick = 500, rounds = 3, idleSeconds = 15 } = {},
): Promise<void> {
  const figures: Figures = { events, lanes: LANES, workers: WORKERS, keys: KEYS };
  await throughput(figures, { events, eventsPerTick, rounds });
  report(`${name}, a backlog`, figures);
  Object.assign(figures, await delaysOfKeys());
  await idle(figures, idleSeconds);
  report(name, figures);
}

interface Backlog {
  readonly events: number;
  readonly eventsPerTick: number;
  readonly rounds: number;
}

/** Compared pair by pair, so that what changes on the machine meanwhile changes both. */
async function throughput(figures: Figures, { events: most, eventsPerTick, rounds }: Backlog): Promise<void> {
  const queuesOf = (handler: string) => [`plain_${handler}`, `lanes_${handler}`] as const;
  const bench = await givenBench({
    shards: 1,
    queues: HANDLERS_COMPARED.flatMap((handler) => {
      const [plain, withLanes] = queuesOf(handler);
      return [
        `  ${plain}: { workers: ${WORKERS}, handler: ./${handler}.mjs, create: true }`,
        `  ${withLanes}: { ${LANES_OF_QUEUE}, handler: ./${handler}.mjs, create: true }`,
      ];
    }).join('\n'),
  });
  const { central } = bench;
  writeHandlers(bench);
  try {
    await central.script('create table public.done (id bigint)');
    for (const handler of HANDLERS_COMPARED) {
      const events = most * PART[handler];
      const sums = new Map<string, { seconds: number; cpu: number; server: number; filling: number }>();
      for (let round = 0; round < rounds; round += 1)
        for (const queue of queuesOf(handler)) {
          const filling = await fill(bench, queue, { events, eventsPerTick });
          const hasLanes = queue.startsWith('lanes');
          const ran = await workOff(bench, { queue, workers: WORKERS, hasLanes });
          const sum = sums.get(queue) ?? { seconds: 0, cpu: 0, server: 0, filling: 0 };
          sum.seconds += ran.seconds;
          sum.cpu += ran.cpuSeconds;
          sum.server += ran.serverCpuSeconds;
          sum.filling += filling;
          sums.set(queue, sum);
        }
      const [plain, withLanes] = queuesOf(handler).map((queue) => sums.get(queue));
      if (plain === undefined || withLanes === undefined) continue;
      const each = (seconds: number) => (seconds / rounds / events) * 1e6;
      figures[`${handler}: events/s without lanes`] = (events * rounds) / plain.seconds;
      figures[`${handler}: with lanes, ratio`] = plain.seconds / withLanes.seconds;
      figures[`${handler}: server's CPU µs per event without lanes`] = each(plain.server);
      figures[`${handler}: server's CPU µs per event with lanes`] = each(withLanes.server);
      figures[`${handler}: workers' CPU µs per event without lanes`] = each(plain.cpu);
      figures[`${handler}: workers' CPU µs per event with lanes`] = each(withLanes.cpu);
      figures[`${handler}: server's CPU µs per event inserted without lanes`] = each(plain.filling);
      figures[`${handler}: server's CPU µs per event inserted with lanes`] = each(withLanes.filling);
    }
  } finally {
    await bench.stop();
  }
}

/** @returns the server's CPU seconds. */
async function fill(
  { central, server }: BenchCluster,
  queue: string,
  { events, eventsPerTick }: Pick<Backlog, 'events' | 'eventsPerTick'>,
): Promise<number> {
  const before = serverCpuSeconds(server.dataDir);
  await makeBacklog(central, { queue, events, eventsPerTick, keys: KEYS });
  const seconds = serverCpuSeconds(server.dataDir) - before;
  await central.query('checkpoint', [], { timeoutMs: 600_000 });
  return seconds;
}

/** Workers and central's upkeep with nothing to do: without lanes, with 8, and with 64. */
async function idle(figures: Figures, seconds: number): Promise<void> {
  const server = new Map<number, number>();
  for (const count of [0, 8, 64]) {
    const keyed = count === 0 ? '' : `key: ev_extra1, lanes: ${count}, `;
    const bench = await givenBench({
      shards: 1,
      queues: `  orders: { ${keyed}workers: 2, handler: ./noop.mjs, create: true }`,
    });
    writeHandlers(bench);
    const workers = startTributary(['-c', bench.config.file, 'work']);
    try {
      await pause(5_000);
      const before = [serverCpuSeconds(bench.server.dataDir), workers.treeCpuSeconds()] as const;
      await pause(seconds * 1_000);
      const used = serverCpuSeconds(bench.server.dataDir) - before[0];
      server.set(count, used);
      figures[`idle, ${count} lanes: server's CPU, ms a second`] = (used * 1_000) / seconds;
      figures[`idle, ${count} lanes: workers' CPU, ms a second`] =
        ((workers.treeCpuSeconds() - before[1]) * 1_000) / seconds;
    } finally {
      await workers.stop();
      await bench.stop();
    }
  }
  const more = (server.get(64) ?? 0) - (server.get(0) ?? 0);
  figures["idle: server's CPU, µs a second for each of 64 lanes"] = (more * 1e6) / seconds / 64;
}

function writeHandlers({ config }: BenchCluster): void {
  for (const [handler, text] of Object.entries(HANDLERS))
    writeFileSync(join(dirname(config.file), `${handler}.mjs`), text);
}
