// notes: what it costs to note what was handled, for `trace`: the same backlog worked off with the notes and without, in turns.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeBacklog } from './backlog.ts';
import { type BenchCluster, givenBench } from './cluster.ts';
import { percentile, report } from './report.ts';
import { HANDLERS } from './work.ts';
import { workOff } from './work-off.ts';

const NOTE = 'tributary.note_handled';

export async function notes(
  name: string,
  { events = 200_000, turns = 5, eventsPerTick = 100 } = {},
): Promise<void> {
  const queues = Array.from({ length: turns }, (_, at) => [`noted_${at}`, `silent_${at}`]).flat();
  const bench = await givenBench({
    shards: 1,
    queues: queues
      .map((queue) => `  ${queue}: { workers: 1, handler: ./event.mjs, create: true }`)
      .join('\n'),
  });
  const { central } = bench;
  writeFileSync(join(dirname(bench.config.file), 'event.mjs'), HANDLERS.event);
  try {
    const noting = await definition(central);
    // All but the rows themselves is as it was: the call, and what the worker puts together for it.
    const silent = noting.replace(/\bbegin\b[\s\S]*?\bend;/, 'begin end;');
    if (silent === noting) throw new Error(`${NOTE} has no body that the bench knows.`);
    const micros: Record<'noted' | 'silent', number[]> = { noted: [], silent: [] };
    for (const queue of queues) {
      const kind = queue.startsWith('noted') ? 'noted' : 'silent';
      await central.script(kind === 'noted' ? noting : silent);
      await makeBacklog(central, { queue, events, eventsPerTick });
      await central.query('checkpoint', [], { timeoutMs: 600_000 });
      const { cpuSeconds, serverCpuSeconds } = await workOff(bench, { queue, workers: 1 });
      micros[kind].push(((cpuSeconds + serverCpuSeconds) / events) * 1e6);
    }
    const [noted, without] = [percentile(micros.noted, 0.5), percentile(micros.silent, 0.5)];
    report(name, {
      events,
      'events per batch': eventsPerTick,
      'with notes, CPU µs per event, median': noted,
      'without, CPU µs per event, median': without,
      'more, %': (noted / without - 1) * 100,
    });
  } finally {
    await bench.stop();
  }
}

async function definition(central: BenchCluster['central']): Promise<string> {
  const [row] = await central.query<{ text: string }>(
    'select pg_get_functiondef(p.oid) as text from pg_proc p where p.oid = $1::regproc',
    [NOTE],
  );
  return row?.text ?? '';
}
