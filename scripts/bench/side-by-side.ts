// side-by-side: Tributary's workers, pg-boss and graphile-worker on one server and one Node, with the same payload and handlers.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BenchCluster, givenBench } from './cluster.ts';
import { fillPeer, installPeers, type PeerName, workPeer } from './peers.ts';
import { serverCpuSeconds } from './processes.ts';
import { type Figures, reportRows } from './report.ts';
import { HANDLERS } from './work.ts';
import { workOff } from './work-off.ts';

/** Makes events of about 170 bytes, as in the other benches. */
const PAD = 'x'.repeat(90);
const TOGETHER = 5_000;
const PEERS: Readonly<Record<PeerName, { readonly schema: string; readonly isDone: string }>> = {
  'pg-boss': {
    schema: 'pgboss',
    isDone: `select not exists (select from pgboss.job where state < 'completed') as done`,
  },
  'graphile-worker': {
    schema: 'graphile_worker',
    isDone: 'select not exists (select from graphile_worker._private_jobs) as done',
  },
};

interface Result {
  readonly fillSeconds: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly statements: number;
}

type Case = { readonly handler: string; readonly processes: number; readonly events: number } & (
  | { readonly who: PeerName }
  | { readonly who: 'Tributary' }
);

const WHAT: Readonly<Record<string, string>> = {
  noop: 'nothing',
  event: 'nothing, event by event',
  row: 'a row by a statement each',
  rows: 'a row each, by one statement for all at hand',
};

export async function sideBySide(name: string, { events = 100_000, rows = 30_000 } = {}): Promise<void> {
  const node = installPeers();
  const cases: Case[] = [];
  for (const processes of [1, 2]) {
    cases.push(
      { who: 'Tributary', handler: 'noop', processes, events },
      { who: 'Tributary', handler: 'event', processes, events },
      { who: 'pg-boss', handler: 'noop', processes, events },
      { who: 'graphile-worker', handler: 'noop', processes, events },
      { who: 'Tributary', handler: 'row', processes, events: rows },
      { who: 'pg-boss', handler: 'row', processes, events: rows },
      { who: 'graphile-worker', handler: 'row', processes, events: rows },
      { who: 'Tributary', handler: 'rows', processes, events },
      { who: 'pg-boss', handler: 'rows', processes, events },
    );
  }
  const queueOf = ({ handler, processes }: Case) => `${handler}_${processes}`;
  const bench = await givenBench({
    shards: 1,
    queues: cases
      .filter(({ who }) => who === 'Tributary')
      .map(
        (one) =>
          `  ${queueOf(one)}: { workers: ${one.processes}, handler: ./${one.handler}.mjs, create: true }`,
      )
      .join('\n'),
    settings: { shared_preload_libraries: 'pg_stat_statements' },
  });
  try {
    for (const [handler, text] of Object.entries(HANDLERS))
      writeFileSync(join(dirname(bench.config.file), `${handler}.mjs`), text);
    await bench.central.script('create extension pg_stat_statements; create table public.done (id bigint)');
    const figures: Record<string, Figures> = {};
    for (const one of cases) {
      const { who, handler, processes } = one;
      const result =
        who === 'Tributary'
          ? await ofTributary(bench, { ...one, queue: queueOf(one), node })
          : await ofPeer(bench, { ...one, who, node });
      await check(bench, one);
      figures[`${WHAT[handler]}, ${processes} process${processes === 1 ? '' : 'es'}, ${who}`] = {
        events: one.events,
        'events/s': one.events / result.seconds,
        'clients, µs of CPU': (result.cpuSeconds / one.events) * 1e6,
        'server, µs of CPU': (result.serverCpuSeconds / one.events) * 1e6,
        'statements/1000': (result.statements / one.events) * 1000,
        'inserted/s': one.events / result.fillSeconds,
      };
    }
    reportRows(name, figures);
  } finally {
    await bench.stop();
  }
}

async function ofTributary(
  bench: BenchCluster,
  { queue, processes, events, node }: { queue: string; processes: number; events: number; node: string },
): Promise<Result> {
  const { central } = bench;
  const began = performance.now();
  for (let from = 0; from < events; from += TOGETHER) {
    const data = Array.from({ length: Math.min(TOGETHER, events - from) }, (_, at) =>
      JSON.stringify({ n: from + at, pad: PAD }),
    );
    await central.query('select pgq.insert_events($1, array_fill($2::text, array[$3::int]), $4)', [
      queue,
      'bench',
      data.length,
      data,
    ]);
    await central.query('select pgq.ticker($1)', [queue]);
  }
  const fillSeconds = (performance.now() - began) / 1000;
  await settle(bench);
  const before = await statements(bench);
  const result = await workOff(bench, { queue, workers: processes, node });
  return { ...result, fillSeconds, statements: (await statements(bench)) - before };
}

async function ofPeer(
  bench: BenchCluster,
  { who, handler, processes, events, node }: Case & { who: PeerName; node: string },
): Promise<Result> {
  const { central, server } = bench;
  const { schema, isDone } = PEERS[who];
  await central.script(`drop schema if exists ${schema} cascade`);
  const options = {
    url: bench.url('central'),
    node,
    env: { BENCH_EVENTS: String(events), BENCH_PAD: PAD },
  };
  const fillSeconds = await fillPeer(who, options);
  await settle(bench);
  let [statementsBefore, serverBefore] = [0, 0];
  const result = await workPeer(who, {
    ...options,
    handler,
    processes,
    events,
    async before() {
      statementsBefore = await statements(bench);
      serverBefore = serverCpuSeconds(server.dataDir);
    },
    async isDone() {
      const [row] = await central.query<{ done: boolean }>(isDone);
      return row?.done === true;
    },
  });
  return {
    ...result,
    fillSeconds,
    serverCpuSeconds: serverCpuSeconds(server.dataDir) - serverBefore,
    statements: (await statements(bench)) - statementsBefore,
  };
}

/** Does what autovacuum would have done by then, so that no run is slowed down by what an earlier one wrote. */
async function settle({ central }: BenchCluster): Promise<void> {
  await central.query('vacuum (analyze)', [], { timeoutMs: 600_000 });
  await central.query('checkpoint', [], { timeoutMs: 600_000 });
}

async function statements({ central }: BenchCluster): Promise<number> {
  const [row] = await central.query<{ count: number }>(
    'select sum(calls)::bigint as count from pg_stat_statements',
  );
  return row?.count ?? 0;
}

/** A figure counts only where all jobs were handled, and their rows were written where the handler writes. */
async function check({ central }: BenchCluster, { who, handler, events }: Case): Promise<void> {
  const [row] = await central.query<{ count: number }>('select count(distinct id) as count from public.done');
  const expected = handler === 'row' || handler === 'rows' ? events : 0;
  if (row?.count !== expected) throw new Error(`${who} wrote ${row?.count} of ${expected} rows.`);
  await central.script('truncate public.done');
}
