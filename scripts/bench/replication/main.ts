// replication: tables of four shards merged into one by `capture` and `apply`, against logical replication of PostgreSQL 15 into one
// table: how fast, at what cost of the shards, and what becomes of a conflict and of a shard that fails over.
import type { Connection } from '../../../dist/postgres/connection.js';
import { startTributary } from '../mover-process.ts';
import { serverCpuSeconds } from '../processes.ts';
import { type Figures, report, reportRows } from '../report.ts';
import { backendCpuUs } from '../server-cpu.ts';
import { crashOfShards } from './crash.ts';
import { baseOf, CHANGE, COLUMNS, hasAll, load, mustBeSame, warmUp } from './load.ts';
import { installOn, placeOf, startServer, type TwoServers } from './servers.ts';

const SHARDS = 4;
const WAYS = ['nothing', 'logical', 'one', 'four', 'conflict'];
const SHOWN: Readonly<Record<string, string>> = {
  nothing: 'the changes alone',
  logical: 'logical replication',
  one: 'capture and apply, 1 worker',
  four: 'capture and apply, 4 workers, 16 lanes',
};

const APPLIED = ['one', 'four', 'conflict'];
const workersOf = (way: string) => (way === 'four' ? 'workers: 4, lanes: 16' : 'workers: 1');
const keyOf = (way: string) => (way === 'conflict' ? '[id]' : '[shard, id]');

export async function replication(name: string, { transactions = 400 } = {}): Promise<void> {
  const [shardServer, centralServer] = [await startServer(), await startServer()];
  const two = await installOn({
    ...{ shards: SHARDS, shardsAt: placeOf(shardServer), centralAt: placeOf(centralServer) },
    shardSql: `${WAYS.map((way) => `create table ${way} (${COLUMNS}, primary key (id));`).join('\n')} ${CHANGE};
      create publication merged for table logical`,
    centralSql: [
      `create table logical (${COLUMNS}, primary key (id));`,
      ...APPLIED.map(
        (way) => `create table ${way} (shard text, ${COLUMNS}, primary key (${keyOf(way).slice(1, -1)}));`,
      ),
    ].join('\n'),
    queues: APPLIED.map(
      (way) =>
        `  ${way}: { create: true, ${workersOf(way)}, retry: { attempts: 2, first: 1s }, apply: { table: public.${way}, key: ${keyOf(way)} } }`,
    ).join('\n'),
    capture: `capture:\n${APPLIED.map((way) => `  ${way}: { tables: [public.${way}], queue: ${way} }`).join('\n')}`,
  });
  try {
    const folders = { shards: shardServer.dataDir, central: centralServer.dataDir };
    const figures: Record<string, Figures> = {};
    const measure = async (way: string, ours?: { treeCpuSeconds(): number }) => {
      figures[SHOWN[way] ?? way] = await measured(two, { way, transactions, folders, ours });
    };
    await measure('nothing');
    await subscribe(two);
    await measure('logical');
    const conflictOfLogical = await conflict(two, 'logical');
    const truncateOfLogical = await truncated(two, 'logical');
    await unsubscribe(two);
    const ours = startTributary(['-c', two.config.file, 'start', '--host', 'here'], { isSilent: true });
    try {
      await measure('one', ours);
      await measure('four', ours);
      reportRows(name, figures);
      report(`${name}: a key that two shards have, ten seconds later`, {
        'logical replication': conflictOfLogical,
        'apply, on_conflict: error': await conflict(two, 'conflict'),
      });
      report(`${name}: a shard truncates its table`, {
        'logical replication': truncateOfLogical,
        apply: await truncated(two, 'one'),
      });
    } finally {
      await ours.stop();
    }
  } finally {
    await two.stop();
    await Promise.all([shardServer.stop(), centralServer.stop()]);
  }
  report(`${name}: the server of the shards crashes, and its standby takes over`, await crashOfShards());
}

interface Measuring {
  readonly way: string;
  readonly transactions: number;
  readonly folders: { readonly shards: string; readonly central: string };
  /** Our processes. */
  readonly ours: { treeCpuSeconds(): number } | undefined;
}

async function measured(
  { shards, central }: TwoServers,
  { way, transactions, folders, ours }: Measuring,
): Promise<Figures> {
  const [first] = shards as readonly [Connection, ...Connection[]];
  if (way !== 'nothing') await warmUp(central, shards, way);
  for (const one of [first, central]) await one.query('checkpoint', [], { timeoutMs: 600_000 });
  const look = async () => {
    const [row] = await first.query<{ wal: number; senders: number[] }>(
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal,
         array(select pid from pg_stat_activity where backend_type = 'walsender' order by pid) as senders`,
    );
    const { wal = 0, senders = [] } = row ?? {};
    return {
      wal,
      senders: senders.reduce((sum, pid) => sum + backendCpuUs(pid), 0) / 1e6,
      shards: serverCpuSeconds(folders.shards),
      central: serverCpuSeconds(folders.central),
      ours: ours?.treeCpuSeconds() ?? 0,
    };
  };
  const before = await look();
  const beganMs = performance.now();
  const changed = await load(shards, { table: way, transactions });
  const loadedMs = performance.now();
  while (way !== 'nothing' && !(await hasAll(central, { table: way, shards: SHARDS })))
    await new Promise((resolve) => setTimeout(resolve, 20));
  const seconds = (performance.now() - beganMs) / 1000;
  const after = await look();
  if (way !== 'nothing') await mustBeSame(central, shards, way);
  const usOf = (what: 'senders' | 'shards' | 'central' | 'ours') =>
    ((after[what] - before[what]) / changed) * 1e6;
  return {
    'changed rows': changed,
    'rows/s': changed / seconds,
    'behind the last change, s': seconds - (loadedMs - beganMs) / 1000,
    "shards' server, µs of CPU a row": usOf('shards'),
    'of that its walsenders': usOf('senders'),
    "central's server": usOf('central'),
    'our processes': usOf('ours'),
    'WAL of the shards, bytes a row': (after.wal - before.wal) / changed,
  };
}

async function subscribe({ central, conninfoOf }: TwoServers): Promise<void> {
  for (let at = 0; at < SHARDS; at += 1)
    await central.query(
      `create subscription merged_${at} connection '${conninfoOf(at)}' publication merged with (copy_data = false)`,
    );
}

async function unsubscribe({ central }: TwoServers): Promise<void> {
  for (let at = 0; at < SHARDS; at += 1) await central.query(`drop subscription merged_${at}`);
}

/** The last shard truncates, and inserts a row behind it. @returns what is left of the others. */
async function truncated({ shards, central }: TwoServers, table: string): Promise<string> {
  const last = shards.at(-1) as Connection;
  const count = async (where: string) =>
    (await central.query<{ n: number }>(`select count(*)::int as n from ${table} where ${where}`))[0]?.n ?? 0;
  const others = `id < ${baseOf(shards.length - 1)}`;
  const before = await count(others);
  await last.query(`truncate ${table}`);
  await last.query(`insert into ${table} (id, note) values (${baseOf(shards.length)}, 'behind')`);
  while ((await count(`id = ${baseOf(shards.length)}`)) === 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return `${await count(others)} of ${before} rows of the other shards are left`;
}

const WAIT_MS = 10_000;

/** Two shards insert one key; then the second one another row, and so does a third. @returns what was seen of it. */
async function conflict({ shards, central }: TwoServers, table: string): Promise<string> {
  const [one, two, three] = shards as readonly [Connection, Connection, Connection];
  const insert = (shard: Connection, id: number) =>
    shard.query(`insert into ${table} (id, note) values ($1, 'conflict')`, [id]);
  const has = async (id: number) =>
    (await central.query(`select from ${table} where id = $1`, [id])).length === 1;
  await insert(one, 1);
  while (!(await has(1))) await new Promise((resolve) => setTimeout(resolve, 50));
  await insert(two, 1);
  await insert(two, 2);
  await insert(three, 3);
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  const [row] = await central.query<{ errors: number; dead: number }>(
    `select coalesce(sum(apply_error_count), 0)::int as errors,
       (select count(*)::int from tributary.dead_event) as dead from pg_stat_subscription_stats`,
  );
  const came = async (id: number) => ((await has(id)) ? 'came' : 'did not come');
  return `the next row of that shard ${await came(2)}, another shard's ${await came(3)}; ${
    table === 'logical' ? `${row?.errors} errors of its worker` : `${row?.dead} dead event`
  }`;
}
