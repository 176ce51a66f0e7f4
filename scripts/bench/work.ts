// work: a backlog on central worked off by `tributary work`, against loops that only read the same batches.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeBacklog } from './backlog.ts';
import { type BenchCluster, currentTable, givenBench } from './cluster.ts';
import { copySeconds, loopSeconds } from './reading-loop.ts';
import { report } from './report.ts';
import { workOff } from './work-off.ts';

/** `batch` that does nothing, `batch` that writes a row for each event by one statement, `event` that writes its own. */
export const HANDLERS = {
  noop: 'export default { async batch() {} };\n',
  rows: `export default {
  async batch(events, { client }) {
    await client.query('insert into public.done select * from unnest($1::bigint[])', [events.map(({ id }) => id)]);
  },
};\n`,
  event: 'export default { async event() {} };\n',
  row: `export default {
  async event({ id }, { client }) {
    await client.query('insert into public.done values ($1)', [id]);
  },
};\n`,
} as const;

interface Run {
  readonly queue: string;
  readonly handler: keyof typeof HANDLERS;
  readonly workers: number;
  readonly events: number;
}

export async function work(
  name: string,
  { events = 500_000, singles = 100_000, eventsPerTick = 500 } = {},
): Promise<void> {
  const runs: readonly Run[] = [
    ...[1, 2, 4].map((workers) => ({ queue: `noop_${workers}`, handler: 'noop' as const, workers, events })),
    { queue: 'rows_1', handler: 'rows', workers: 1, events },
    { queue: 'event_1', handler: 'event', workers: 1, events },
    ...[1, 4].map((workers) => ({
      queue: `row_${workers}`,
      handler: 'row' as const,
      workers,
      events: singles,
    })),
  ];
  const bench = await givenBench({
    shards: 1,
    queues: [
      ...runs.map(
        ({ queue, handler, workers }) =>
          `  ${queue}: { workers: ${workers}, handler: ./${handler}.mjs, create: true }`,
      ),
      '  copied: { workers: none, create: true }',
      '  looped: { workers: none, create: true }',
    ].join('\n'),
  });
  const { central } = bench;
  const folder = dirname(bench.config.file);
  for (const [handler, text] of Object.entries(HANDLERS)) writeFileSync(join(folder, `${handler}.mjs`), text);
  try {
    await central.script('create table public.done (id bigint)');
    const fill = async (queue: string, count: number) => {
      await makeBacklog(central, { queue, events: count, eventsPerTick });
      await central.query('checkpoint', [], { timeoutMs: 600_000 });
    };
    const figures: Record<string, string | number> = { events, 'events per tick': eventsPerTick };
    // Each from a table that has not been read before: the first reader of a row does more work.
    await fill('copied', events);
    figures['psql COPY of the table, events/s'] =
      events / (await copySeconds(bench.url('central'), await currentTable(central, 'copied')));
    await central.query(`select pgq.register_consumer('looped', 'loop')`);
    await fill('looped', events);
    const loop = events / (await loopSeconds(bench.config.central, { queue: 'looped', consumer: 'loop' }));
    figures['plain PgQ loop, events/s'] = loop;
    for (const { queue, handler, workers, events: count } of runs) {
      await fill(queue, count);
      const { seconds, cpuSeconds, serverCpuSeconds } = await workOff(bench, { queue, workers });
      const what = `${LABELS[handler]}, ${workers} worker${workers === 1 ? '' : 's'}`;
      figures[`${what}, events/s`] = count / seconds;
      figures[`${what}, CPU µs per event`] = (cpuSeconds / count) * 1e6;
      figures[`${what}, server's CPU µs per event`] = (serverCpuSeconds / count) * 1e6;
      if (handler === 'noop') figures[`${what}, ratio to the loop`] = count / seconds / loop;
      await checkRows(bench, handler === 'rows' || handler === 'row' ? count : 0);
    }
    report(name, figures);
  } finally {
    await bench.stop();
  }
}

const LABELS: Readonly<Record<Run['handler'], string>> = {
  noop: 'batch, no-op',
  rows: 'batch, a row per event',
  event: 'event, no-op',
  row: 'event, a row each',
};

/** A figure counts only where all events were handled. */
async function checkRows({ central }: BenchCluster, expected: number): Promise<void> {
  const [row] = await central.query<{ count: number }>('select count(distinct id) as count from public.done');
  if (row?.count !== expected) throw new Error(`${row?.count} of ${expected} events were handled.`);
  await central.script('truncate public.done');
}
