// queue-mover: one backlog on four shards with the pgq extension, moved by four queue_movers in Python, then by one mover.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeBacklog } from './backlog.ts';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startMover } from './mover-process.ts';
import { cpuSecondsOfTree, serverCpuSeconds } from './processes.ts';
import { type Figures, reportRows } from './report.ts';

const SHARDS = 4;
/** The Python that Debian's packages are for. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./side-by-side/queue_mover.py', import.meta.url));

/** Longer than this without a single event: a process hangs. */
const STUCK_MS = 60_000;

/** Where each queue_mover keeps its position: its framework calls functions of these names. */
const STATE = `create schema mover_state;
create table mover_state.tick (consumer text primary key, tick bigint);
create function mover_state.get_last_tick(text) returns bigint language sql as
  'select tick from mover_state.tick where consumer = $1';
create function mover_state.set_last_tick(text, bigint) returns integer language sql as
  'insert into mover_state.tick values ($1, $2) on conflict (consumer) do update set tick = excluded.tick returning 1'`;

export async function queueMover(
  name: string,
  { events = 400_000, ticks = [10_000, 500] } = {},
): Promise<void> {
  if (!existsSync('/usr/lib/python3/dist-packages/pgq'))
    throw new Error('This needs the consumer framework in Python: apt-get install python3-pgq');
  const rows: Record<string, Figures> = {};
  for (const eventsPerTick of ticks) {
    const bench = await givenBench({
      isExtension: true,
      shards: SHARDS,
      queues: '  orders: { workers: none, create: true }\n  moved: { workers: none, create: true }',
    });
    try {
      await bench.central.script(STATE);
      // Each has its own copy of the backlog, which has not been read before: the first reader of a row does more work.
      for (const [at, shard] of bench.shards.entries()) {
        await shard.script(
          `select pgq.create_queue('orders_py'); select pgq.register_consumer('orders_py', '${bench.config.shards[at]?.name}')`,
        );
        for (const queue of ['orders_py', 'orders'])
          await makeBacklog(shard, { queue, events: events / SHARDS, eventsPerTick });
      }
      await bench.central.query('checkpoint', [], { timeoutMs: 600_000 });
      rows[`ticks of ${eventsPerTick}, ${SHARDS} queue_movers`] = await measured(bench, events, {
        start: () => startQueueMovers(bench),
        moved: `select least($1, (select count(*) from pgq.event_${await queueId(bench, 'moved')})) as moved`,
      });
      await bench.central.query('checkpoint', [], { timeoutMs: 600_000 });
      rows[`ticks of ${eventsPerTick}, one mover`] = await measured(bench, events, {
        start: () => {
          const mover = startMover(bench.config.file);
          return { cpuSeconds: () => mover.treeCpuSeconds(), stop: () => mover.stop() };
        },
        moved: `select least($1, (select count(*) from pgq.event_${await queueId(bench, 'orders')})) as moved`,
      });
    } finally {
      await bench.stop();
    }
  }
  reportRows(name, rows);
}

interface Movers {
  cpuSeconds(): number;
  stop(): Promise<void>;
}

async function measured(
  { central, server }: BenchCluster,
  events: number,
  { start, moved }: { start(): Movers; readonly moved: string },
): Promise<Figures> {
  const serverBefore = serverCpuSeconds(server.dataDir);
  const began = performance.now();
  const movers = start();
  try {
    let firstMs = 0;
    let lastMs = began;
    for (let count = 0; count < events; ) {
      // Counting costs more than reading positions, but it is rare, and the same for both.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const [row] = await central.query<{ moved: number }>(moved, [events]);
      if (row?.moved !== count) lastMs = performance.now();
      else if (performance.now() - lastMs > STUCK_MS) throw new Error(`Only ${count} events were moved.`);
      count = row?.moved ?? 0;
      if (count > 0 && firstMs === 0) firstMs = performance.now() - began;
    }
    const seconds = (performance.now() - began) / 1000;
    return {
      'events/s': events / seconds,
      'without start-up': events / (seconds - firstMs / 1000),
      'processes, µs of CPU': (movers.cpuSeconds() / events) * 1e6,
      'server, µs of CPU': ((serverCpuSeconds(server.dataDir) - serverBefore) / events) * 1e6,
    };
  } finally {
    await movers.stop();
  }
}

function startQueueMovers({ config, server }: BenchCluster): Movers {
  const connect = (database: string) =>
    `host=${server.host} port=${server.port} user=${server.user} password=${server.password} dbname=${database}`;
  const children = config.shards.map(({ name, database }): ChildProcess => {
    const file = join(dirname(config.file), `${name}.ini`);
    const settings = {
      job_name: name,
      consumer_name: name,
      queue_name: 'orders_py',
      dst_queue_name: 'moved',
      src_db: connect(database),
      dst_db: connect(config.central.database),
      loop_delay: '0.1',
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
    writeFileSync(file, `[queue_mover]\n${lines.join('')}`, { mode: 0o600 });
    return spawn(PYTHON, [SCRIPT, '-q', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  });
  return {
    cpuSeconds: () => children.reduce((sum, { pid }) => sum + cpuSecondsOfTree(pid ?? 0), 0),
    async stop() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(
        children.filter(({ exitCode }) => exitCode === null).map((one) => once(one, 'close')),
      );
    },
  };
}

async function queueId({ central }: BenchCluster, queue: string): Promise<number> {
  const [row] = await central.query<{ id: number }>(
    'select queue_id as id from pgq.queue where queue_name = $1',
    [queue],
  );
  return row?.id ?? 0;
}
