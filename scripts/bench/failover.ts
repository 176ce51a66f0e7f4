// How long nothing is handled while central, or a shard, goes over to its standby: five times in order, five times by a crash. And
// whether an event that was committed is lost, or handled twice.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config, Database } from '../../dist/config/config.js';
import { loadConfig } from '../../dist/config/load.js';
import { startEmbedded } from '../../dist/embedded/embedded.js';
import { install } from '../../dist/install/install.js';
import { Connection } from '../../dist/postgres/connection.js';
import { startTributary } from './mover-process.ts';
import { startPatroni } from './patroni.ts';
import { startReplicated } from './replicated.ts';
import { percentile, reportRows } from './report.ts';

const TIMES = Number(process.env.BENCH_TIMES ?? 5);
const EVERY_MS = 10;
const QUIET_MS = 1_500;
/** After a switch nothing of what is committed may stay away longer. */
const PATIENCE_MS = 120_000;

const HANDLER = `export default { async event(event, { client }) {
  await client.query('insert into handled (shard, data) values ($1, $2)', [event.origin.shard, event.data]);
} };`;

export async function failover(name: string): Promise<void> {
  const start = process.env.BENCH_BY === 'patroni' ? startPatroni : () => startReplicated(true);
  const central = await start();
  const first = await start();
  const others = await startEmbedded({ settings: { max_connections: '100' } });
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const second = `postgres://${others.user}:${others.password}@${others.host}:${others.port}/second`;
  const file = join(folder, 'shards.yaml');
  writeFileSync(join(folder, 'handler.mjs'), HANDLER);
  writeFileSync(
    file,
    `name: bench\ncentral: '${central.url('central')}'\nshards:\n  - { name: first, url: '${first.url('first')}' }\n  - { name: second, url: '${second}' }\ndefaults: { tls: off, host: any }\nqueues:\n  orders: { create: true, workers: 2, handler: ./handler.mjs }\n`,
    { mode: 0o600 },
  );
  const { config, problems = [] } = loadConfig(file, { env: {}, cwd: folder });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  for (const database of [config.central, ...config.shards]) {
    const admin = await Connection.open({ ...database, database: 'postgres' }, { applicationName: 'bench' });
    await admin.query(`create database ${database.database}`);
    await admin.close();
  }
  const mistakes = (await install(config)).flatMap((row) => row.mistakes);
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  await once(
    config.central,
    'create table handled (shard text, data text, at timestamptz default clock_timestamp())',
  );
  const tributary = startTributary(['-c', file, 'start', '--no-http'], { env: { TRIBUTARY_LOG: 'error' } });
  const producers = config.shards.map(startProducer);
  const rows: Record<string, Record<string, number>> = {};
  try {
    await pause(QUIET_MS);
    for (const [what, pair] of [
      ['central', central],
      ['a shard', first],
    ] as const)
      for (const how of ['switchOver', 'crash'] as const) {
        const away: number[] = [];
        const without: number[] = [];
        for (let n = 0; n < TIMES; n += 1) {
          await untilHandled(config, producers);
          const since = await clock(config.central);
          away.push(await pair[how]());
          await pause(QUIET_MS);
          await untilHandled(config, producers);
          without.push(await longestGap(config.central, what === 'a shard' ? 'first' : undefined, since));
          process.stderr.write(
            `${what}, ${how}: away ${Math.round(away.at(-1) ?? 0)} ms, without service ${without.at(-1)?.toFixed(1)} s\n`,
          );
        }
        const { lost, twice, committed } = await untilHandled(config, producers);
        rows[`${what}, ${how === 'crash' ? 'crash' : 'switchover'}`] = {
          times: TIMES,
          'server away s, median': percentile(away, 0.5) / 1_000,
          'without service s, median': percentile(without, 0.5),
          'without service s, longest': Math.max(...without),
          'events so far': committed,
          lost,
          twice,
        };
      }
    reportRows(name, rows);
  } finally {
    await Promise.all(producers.map(({ stop }) => stop()));
    await tributary.stop();
    await others.stop();
    central.stop();
    first.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Producer {
  /** The events whose commit was answered. */
  readonly committed: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** One event every few milliseconds. One whose commit was not answered counts as neither. */
function startProducer(shard: Config['shards'][number]): Producer {
  const committed = new Set<string>();
  let isStopped = false;
  let connection: Connection | undefined;
  const ended = (async () => {
    for (let n = 0; !isStopped; n += 1) {
      const data = `${shard.name} ${n}`;
      try {
        connection ??= await Connection.open(shard, { applicationName: 'bench' });
        await connection.query("select pgq.insert_event('orders', 'made', $1)", [data]);
        committed.add(data);
      } catch {
        connection?.destroy();
        connection = undefined;
      }
      await pause(EVERY_MS);
    }
    await connection?.close();
  })();
  return {
    committed,
    async stop() {
      isStopped = true;
      await ended;
    },
  };
}

async function once<R>(database: Database, text: string, values: readonly unknown[] = []): Promise<R[]> {
  const connection = await Connection.open(database, { applicationName: 'bench' });
  try {
    return await connection.query<R>(text, values);
  } finally {
    await connection.close();
  }
}

const clock = async (central: Database): Promise<string> =>
  (await once<{ at: string }>(central, 'select clock_timestamp()::text as at'))[0]?.at ?? '';

/** Seconds in which nothing (of the shard) was handled. */
async function longestGap(central: Database, shard: string | undefined, since: string): Promise<number> {
  const [row] = await once<{ gap: number }>(
    central,
    // The last event before it counts as well: there may be none between the first moment and the fall of the server.
    `select max(extract(epoch from at - before))::float8 as gap from (
       select at, lag(at) over (order by at) as before from handled where $2::text is null or shard = $2) g
     where at > $1::timestamptz`,
    [since, shard ?? null],
  );
  return row?.gap ?? Number.NaN;
}

async function count({ central }: Config, producers: readonly Producer[]) {
  const rows = await once<{ data: string; n: number }>(
    central,
    'select data, count(*)::int as n from handled group by 1',
  );
  const handled = new Set(rows.map(({ data }) => data));
  const committed = producers.flatMap((producer) => [...producer.committed]);
  return {
    committed: committed.length,
    lost: committed.filter((data) => !handled.has(data)).length,
    twice: rows.filter(({ n }) => n > 1).length,
  };
}

/** Until all that is committed by now is handled, or too long. */
async function untilHandled(config: Config, producers: readonly Producer[]) {
  const wanted = producers.map(({ committed }) => new Set(committed));
  const deadline = performance.now() + PATIENCE_MS;
  const given = wanted.map((committed): Producer => ({ committed, stop: async () => {} }));
  for (;;) {
    try {
      const counts = await count(config, given);
      if (counts.lost === 0 || performance.now() > deadline) return counts;
    } catch {
      // Central is away.
    }
    await pause(200);
  }
}
