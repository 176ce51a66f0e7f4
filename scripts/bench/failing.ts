// failing: how long an `event` handler that writes one row takes where some events fail, compared with none failing. In this
// process, so that calls of the handler can be counted.
import { pino } from 'pino';
import { groupName } from '../../dist/queue/names.js';
import { Worker } from '../../dist/workers/child/worker.js';
import type { StartMessage } from '../../dist/workers/protocol.js';
import { type BenchCluster, givenBench } from './cluster.ts';
import { report } from './report.ts';

const EVENTS = 8_000;
const SHARES = [0, 0.01, 0.02, 0.1, 0.5];

export async function failing(name: string): Promise<void> {
  const bench = await givenBench({ shards: 1, queues: '  orders: { workers: 0, create: true }' });
  try {
    await bench.central.script('create table effect (n bigint)');
    await run(bench, 0);
    const figures: Record<string, number> = { events: EVENTS };
    let reference = Number.NaN;
    for (const share of SHARES) {
      const { ms, calls, parts } = await run(bench, share);
      if (share === 0) reference = ms;
      const percent = `${share * 100} % failing`;
      figures[`${percent}, ms`] = ms;
      figures[`${percent}, time ratio`] = ms / reference;
      figures[`${percent}, calls an event`] = calls / EVENTS;
      figures[`${percent}, transactions`] = parts;
    }
    report(name, figures);
  } finally {
    await bench.stop();
  }
}

async function run(
  bench: BenchCluster,
  share: number,
): Promise<{ ms: number; calls: number; parts: number }> {
  await bench.central.script('truncate effect; truncate tributary.dead_event');
  await bench.central.query(
    `select count(pgq.insert_event('orders', 'made', n::text, null, null, null, 's:orders:' || n)) from generate_series(1, ${EVENTS}) n`,
  );
  await bench.central.query("select tributary.tick('orders', null)");
  const isBad = (n: number) => (n * 7_919) % 10_000 < share * 10_000;
  let calls = 0;
  let startMs = 0;
  let endMs = 0;
  const start: StartMessage = {
    type: 'start',
    central: bench.config.central,
    queue: 'orders',
    group: groupName(bench.config),
    slot: 'orders#1',
    handler: '',
    origin: 'extra4',
    timeoutMs: 60_000,
    retry: { attempts: 1, firstMs: 10, maxMs: 10 },
    log: { level: 'silent', isPretty: false },
  };
  const worker = new Worker(start, {
    handler: {
      async event(event, { client }) {
        calls += 1;
        const n = Number(event.data);
        await client.query('insert into effect (n) values ($1)', [n]);
        if (isBad(n)) throw new Error('one of the bad ones');
      },
    },
    log: pino({ level: 'silent' }),
    send(message) {
      if (message.type === 'opened' && startMs === 0) startMs = performance.now();
      if (message.type !== 'finished' || message.events === 0) return;
      endMs = performance.now();
      void worker.stop();
    },
  });
  await worker.run();
  const [{ handled, dead, parts } = { handled: 0, dead: 0, parts: 0 }] = await bench.central.query<{
    handled: number;
    dead: number;
    parts: number;
  }>(
    `select count(distinct n) as handled, count(distinct e.xmin::text) as parts,
            (select count(*) from tributary.dead_event) as dead from effect e`,
  );
  if (handled + dead !== EVENTS) throw new Error(`${handled} events handled, ${dead} dead: not ${EVENTS}.`);
  return { ms: endMs - startMs, calls, parts };
}
