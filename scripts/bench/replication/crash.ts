// The server of a shard crashes and its standby takes over: whether what follows comes, by logical replication and by capture and apply.
import { Connection } from '../../../dist/postgres/connection.js';
import { startTributary } from '../mover-process.ts';
import { startReplicated } from '../replicated.ts';
import type { Figures } from '../report.ts';
import { installOn, placeOf, startServer } from './servers.ts';

const ROWS = 1_000;
const AFTER = 100;
/** Longer than a mover takes to find the new primary. */
const WAIT_MS = 30_000;

export async function crashOfShards(): Promise<Figures> {
  const shardsAt = await startReplicated(true, 'wal_level = logical');
  const centralServer = await startServer();
  const hosts = shardsAt.servers.map(({ host }) => host).join(',');
  const ports = shardsAt.servers.map(({ port }) => port).join(',');
  const two = await installOn({
    shards: 1,
    shardsAt: {
      url: shardsAt.url,
      conninfo: (database) =>
        `host=${hosts} port=${ports} dbname=${database} user=postgres password=bench target_session_attrs=read-write`,
    },
    centralAt: placeOf(centralServer),
    shardSql:
      'create table logical (id int primary key); create table applied (id int primary key); create publication merged for table logical',
    centralSql:
      'create table logical (id int primary key); create table applied (shard text, id int, primary key (shard, id))',
    queues: '  applied: { create: true, apply: { table: public.applied, key: [shard, id] } }',
    capture: 'capture:\n  applied: { tables: [public.applied], queue: applied }',
  });
  const { central, config } = two;
  const [shard] = two.shards as readonly [Connection];
  const ours = startTributary(['-c', config.file, 'start', '--host', 'here'], { isSilent: true });
  const rowsOf = async (table: string) =>
    (await central.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n ?? 0;
  const until = async (rows: number, what: readonly string[]) => {
    const endMs = performance.now() + WAIT_MS;
    for (;;) {
      const counts = await Promise.all(what.map(rowsOf));
      if (counts.every((one) => one >= rows) || performance.now() > endMs) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  try {
    await central.query(
      `create subscription merged connection '${two.conninfoOf(0)}' publication merged with (copy_data = false)`,
    );
    const insert = async (connection: Connection, from: number, to: number) => {
      for (const table of ['logical', 'applied'])
        await connection.query(`insert into ${table} select generate_series($1::int, $2::int)`, [from, to]);
    };
    await insert(shard, 1, ROWS);
    await until(ROWS, ['logical', 'applied']);
    const before = [await rowsOf('logical'), await rowsOf('applied')];
    await shardsAt.crash();
    const again = await Connection.open(config.shards[0] as (typeof config.shards)[0], {
      applicationName: 'bench',
    });
    await insert(again, ROWS + 1, ROWS + AFTER);
    await until(ROWS + AFTER, ['applied']);
    await until(ROWS + AFTER, ['logical']);
    const [slots] = await again.query<{ n: number }>(
      "select count(*)::int as n from pg_replication_slots where slot_type = 'logical'",
    );
    await again.close();
    return {
      'rows before it, logical replication': before[0] ?? 0,
      'rows before it, capture and apply': before[1] ?? 0,
      [`rows of ${AFTER} behind it, logical replication`]: (await rowsOf('logical')) - ROWS,
      [`rows of ${AFTER} behind it, capture and apply`]: (await rowsOf('applied')) - ROWS,
      'logical slots on the new primary': slots?.n ?? 0,
    };
  } finally {
    await ours.stop();
    await central.script(
      'alter subscription merged disable; alter subscription merged set (slot_name = none)',
    );
    await central.query('drop subscription merged');
    await two.stop();
    await centralServer.stop();
    shardsAt.stop();
  }
}
