// notes: what it costs to note what was handled, for `trace`: the same backlogs worked off with the notes and without, in turns,
// and the call by itself.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeBacklog } from './backlog.ts';
import { type BenchCluster, givenBench } from './cluster.ts';
import { type Figures, percentile, reportRows } from './report.ts';
import { HANDLERS } from './work.ts';
import { workOff } from './work-off.ts';

const NOTE = 'tributary.note_handled';

/** A note is written for each batch: the less work a batch is, the more it weighs. */
const LOADS = {
  'event, batches of 100': { handler: 'event', eventsPerTick: 100, events: 200_000 },
  'batch, batches of 500': { handler: 'noop', eventsPerTick: 500, events: 500_000 },
} as const;
const CALLS = 20_000;

type Kind = 'noted' | 'silent';

export async function notes(name: string, { turns = 5 } = {}): Promise<void> {
  const runs = Object.entries(LOADS).flatMap(([load, { handler, ...size }], at) =>
    Array.from({ length: turns }, (_, turn) =>
      // Whatever the machine does as time goes by is in both.
      (turn % 2 === 0 ? (['noted', 'silent'] as const) : (['silent', 'noted'] as const)).map((kind) => ({
        ...{ load, kind, handler, queue: `${kind}_${at}_${turn}` },
        ...size,
      })),
    ).flat(),
  );
  const bench = await givenBench({
    shards: 1,
    queues: runs
      .map(({ queue, handler }) => `  ${queue}: { workers: 1, handler: ./${handler}.mjs, create: true }`)
      .join('\n'),
  });
  const { central } = bench;
  for (const handler of ['event', 'noop'] as const)
    writeFileSync(join(dirname(bench.config.file), `${handler}.mjs`), HANDLERS[handler]);
  try {
    const noting = await definition(central);
    // All but the rows themselves is as it was: the call, and what the worker puts together for it.
    const silent = noting.replace(/\bbegin\b[\s\S]*?\bend;/, 'begin end;');
    if (silent === noting) throw new Error(`${NOTE} has no body that the bench knows.`);
    const micros = new Map<string, Record<Kind, number[]>>();
    for (const { load, kind, queue, events, eventsPerTick } of runs) {
      await central.script(kind === 'noted' ? noting : silent);
      await makeBacklog(central, { queue, events, eventsPerTick });
      await central.query('checkpoint', [], { timeoutMs: 600_000 });
      const { cpuSeconds, serverCpuSeconds } = await workOff(bench, { queue, workers: 1 });
      const own = micros.get(load) ?? { noted: [], silent: [] };
      own[kind].push(((cpuSeconds + serverCpuSeconds) / events) * 1e6);
      micros.set(load, own);
    }
    await central.script(noting);
    const callMicros = await perCall(central);
    const rows = Object.entries(LOADS).map(([load, { eventsPerTick }]): [string, Figures] => {
      const { noted = [], silent: without = [] } = micros.get(load) ?? {};
      const [withNotes, bare] = [percentile(noted, 0.5), percentile(without, 0.5)];
      return [
        load,
        {
          'with notes, CPU µs per event': withNotes,
          without: bare,
          'more, %': (withNotes / bare - 1) * 100,
          'the call by itself, µs': callMicros,
          'of a batch, %': (callMicros / (bare * eventsPerTick)) * 100,
        },
      ];
    });
    reportRows(name, Object.fromEntries(rows));
  } finally {
    await bench.stop();
  }
}

/** Parsed and planned each time, as in the message of a worker. */
async function perCall(central: BenchCluster['central']): Promise<number> {
  const beganMs = performance.now();
  await central.script(
    `do $$ begin for n in 1..${CALLS} loop
       execute format('select ${NOTE}(''orders'', %s, %s, null, 1000000000000000, 1, ''orders#1'', ''db01'', 4711, 100, 0, 0, 100, 1.5, 0.1, null)', n, n + 1);
     end loop; end $$`,
  );
  return ((performance.now() - beganMs) / CALLS) * 1_000;
}

async function definition(central: BenchCluster['central']): Promise<string> {
  const [row] = await central.query<{ text: string }>(
    'select pg_get_functiondef(p.oid) as text from pg_proc p where p.oid = $1::regproc',
    [NOTE],
  );
  return row?.text ?? '';
}
