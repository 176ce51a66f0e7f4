// delays: how late delayed events go into their queue: due at random over a minute, the same with central killed half-way, ten
// thousand a second, and what a million waiting ones cost while nothing is due.
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '../../dist/postgres/connection.js';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startMover } from './mover-process.ts';
import { type Figures, percentile, reportRows } from './report.ts';
import { backendCpuUs } from './server-cpu.ts';

interface Phase {
  readonly bench: BenchCluster;
  readonly events: number;
  /** They are due at random within this. */
  readonly seconds: number;
  readonly queue: string;
}

export async function delays(name: string, { events = 100_000, waiting = 1_000_000 } = {}): Promise<void> {
  const bench = await givenBench({
    shards: 1,
    queues: [
      ...['spread', 'killed', 'steady'].map(
        (queue) => `  ${queue}: { workers: none, create: true, deliver_at: "to_timestamp(ev_data::float8)" }`,
      ),
      '  far: { workers: none, from: [] }',
    ].join('\n'),
  });
  const mover = startMover(bench.config.file);
  try {
    const rows: Record<string, Figures> = {};
    rows.spread = await measure({ bench, events, seconds: 60, queue: 'spread' });
    rows.killed = await measure({ bench, events, seconds: 60, queue: 'killed' }, killCentral);
    await waitFar(bench, waiting);
    rows['a million wait'] = await idle(bench);
    rows.steady = await measure({ bench, events: 300_000, seconds: 30, queue: 'steady' });
    reportRows(name, rows);
  } finally {
    await mover.stop();
    await bench.stop();
  }
}

/** Inserted on the shard, moved, and followed until a tick of central covers each of them. */
async function measure(
  { bench, events, seconds, queue }: Phase,
  midway: (bench: BenchCluster) => Promise<void> = async () => {},
): Promise<Figures> {
  const leadSeconds = 15;
  const connection = await Connection.open(bench.config.shards[0] as never, { applicationName: 'bench' });
  await connection.query(
    `select count(pgq.insert_event($1, 'due', (extract(epoch from clock_timestamp()) + $2 + random() * $3)::text))
     from generate_series(1, $4::int)`,
    [queue, leadSeconds, seconds, events],
    { timeoutMs: 300_000 },
  );
  await connection.close();
  const beganMs = performance.now();
  await pause((leadSeconds + seconds / 2) * 1_000);
  await midway(bench);
  await pause(Math.max(0, (leadSeconds + seconds) * 1_000 - (performance.now() - beganMs)));
  const reader = await again(bench);
  const table = (
    await reader.query<{ pfx: string }>('select queue_data_pfx as pfx from pgq.queue where queue_name = $1', [
      queue,
    ])
  )[0]?.pfx;
  for (let looks = 0; ; looks += 1) {
    const [row] = await reader.query<{ n: number }>(`select count(*)::int as n from ${table}`, [], {
      timeoutMs: 60_000,
    });
    if (row?.n === events) break;
    if (looks > 600) throw new Error(`Only ${row?.n} of ${events} events of ${queue} have come.`);
    await pause(200);
  }
  await pause(1_500);
  // Until the tick that lets workers have it.
  const lateness = await reader.query<{ ms: number }>(
    `with covered as (
       select x.xid, (select min(t.tick_time) from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
                      where q.queue_name = $1 and txid_visible_in_snapshot(x.xid, t.tick_snapshot)) as at
       from (select distinct ev_txid as xid from ${table}) x)
     select extract(epoch from c.at)::float8 * 1000 - ev_data::float8 * 1000 as ms
     from ${table} e join covered c on c.xid = e.ev_txid`,
    [queue],
    { timeoutMs: 120_000 },
  );
  const all = lateness.map(({ ms }) => ms);
  const [twice] = await reader.query<{ n: number }>(
    `select (count(*) - count(distinct ev_extra4))::int as n from ${table}`,
    [],
    { timeoutMs: 60_000 },
  );
  await reader.close();
  return {
    events: all.length,
    'events/s': events / seconds,
    'late p50, ms': percentile(all, 0.5),
    'late p99, ms': percentile(all, 0.99),
    'late max, ms': all.reduce((most, one) => Math.max(most, one), 0),
    early: all.filter((ms) => ms < 0).length,
    twice: twice?.n ?? 0,
  };
}

/** A backend that is killed takes all of the server with it: it recovers from its log, as after a crash. */
async function killCentral(bench: BenchCluster): Promise<void> {
  const victim = await again(bench);
  const [row] = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
  process.kill(row?.pid ?? 0, 'SIGKILL');
  await victim.close().catch(() => {});
}

/** A connection of its own: the server may have been killed since the last one. */
async function again({ config }: BenchCluster): Promise<Connection> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await Connection.open(config.central, { applicationName: 'bench' });
    } catch (error) {
      if (tries > 100) throw error;
      await pause(200);
    }
  }
}

/** They wait for days, and are sorted into slices. */
async function waitFar(bench: BenchCluster, events: number): Promise<void> {
  const central = await again(bench);
  const atOnce = 10_000;
  for (let from = 0; from < events; from += atOnce)
    await central.query(
      `select tributary.send_delayed('far', array_agg(null::float8), array_agg(86400000 * (1 + 9 * random())), array_agg('t'::text),
         array_agg(repeat('x', 170)), array_agg(null::text), array_agg(null::text), array_agg(null::text), array_agg(null::text))
       from generate_series(1, $1::int)`,
      [atOnce],
      { timeoutMs: 60_000 },
    );
  const isSorted = async () =>
    (
      await central.query<{ bytes: number }>(
        "select pg_relation_size('tributary.delayed_0') + pg_relation_size('tributary.delayed_1') as bytes",
      )
    )[0] as { bytes: number };
  for (let looks = 0; looks < 600 && (await isSorted()).bytes > 40 * 2 ** 20; looks += 1) await pause(500);
  await central.close();
}

async function idle(bench: BenchCluster): Promise<Figures> {
  const central = await again(bench);
  const look = async () => {
    const [row] = await central.query<{ xid: number; pid: number; bytes: number }>(
      `select txid_snapshot_xmax(txid_current_snapshot()) as xid,
         (select pid from pg_stat_activity where application_name like 'tributary delayed%') as pid,
         pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as bytes`,
    );
    return { ...(row as { xid: number; pid: number; bytes: number }), cpuUs: backendCpuUs(row?.pid) };
  };
  const before = await look();
  const seconds = 20;
  await pause(seconds * 1_000);
  const after = await look();
  const standing = await central.query<{ events: number }>(
    "select events from tributary.delayed_standing('{far}')",
  );
  await central.close();
  return {
    events: standing[0]?.events ?? 0,
    'transaction ids/s': (after.xid - before.xid) / seconds,
    'WAL, kB/s': (after.bytes - before.bytes) / 1024 / seconds,
    'its backend, share of a core': (after.cpuUs - before.cpuUs) / 1e6 / seconds,
  };
}
