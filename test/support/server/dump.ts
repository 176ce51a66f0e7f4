// A database copied as pg_dump and pg_restore do it: tables with their rows, and no state of the server. The other server
// may have given out fewer transaction ids.
import { spawnSync } from 'node:child_process';
import type { Connection } from '../../../src/postgres/connection.ts';
import { identifier, literal } from '../../../src/postgres/quote.ts';
import { givenDatabase, provider, type TestDatabase } from './database.ts';
import type { ServerAddress } from './template.ts';

/** Copies `from` to another server: with the extension by the real programs, else in the same way as they do. */
export async function givenDump(from: TestDatabase, server: ServerAddress): Promise<TestDatabase> {
  const isReal = provider() === 'extension';
  const to = await givenDatabase({ server, pgq: !isReal });
  if (isReal) byPrograms(from, to);
  else await byHand(from, await to.connect());
  return to;
}

function byPrograms(from: TestDatabase, to: TestDatabase): void {
  const bin = '/usr/lib/postgresql/15/bin';
  const command = `${bin}/pg_dump -Fc ${JSON.stringify(from.url)} | ${bin}/pg_restore -d ${JSON.stringify(to.url)}`;
  const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** Queues are created anew, which gives them the same numbers; then all rows are replaced by those of `from`. */
async function byHand(from: TestDatabase, to: Connection): Promise<void> {
  const schemas = await from.query<{ name: string }>(
    "select nspname as name from pg_namespace where nspname = 'tributary'",
  );
  if (schemas.length > 0) throw new Error('Only shards are copied by hand.');
  const queues = await from.query<{ name: string; prefix: string }>(
    'select queue_name as name, queue_data_pfx as prefix from pgq.queue order by queue_id',
  );
  for (const { name } of queues) await to.query('select pgq.create_queue($1)', [name]);
  await to.query('delete from pgq.tick');
  const events = queues.flatMap(({ prefix }) => [0, 1, 2].map((n) => `${prefix}_${n}`));
  for (const table of ['pgq.tick', 'pgq.consumer', 'pgq.subscription', ...events]) {
    const [row] = await from.query<{ rows: string | null }>(
      `select json_agg(t)::text as rows from ${table} t`,
    );
    await to.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [
      row?.rows ?? '[]',
    ]);
  }
  const switches = await from.query<{ id: number; one: number; two: number | null; current: number }>(
    'select queue_id as id, queue_switch_step1 as one, queue_switch_step2 as two, queue_cur_table as current from pgq.queue',
  );
  for (const { id, one, two, current } of switches)
    await to.query(
      'update pgq.queue set queue_switch_step1 = $2, queue_switch_step2 = $3, queue_cur_table = $4 where queue_id = $1',
      [id, one, two, current],
    );
  const sequences = await from.query<{ name: string; last: number | null }>(
    `select c.relname as name, pg_sequence_last_value(c.oid) as last from pg_class c
     where c.relkind = 'S' and c.relnamespace = 'pgq'::regnamespace`,
  );
  for (const { name, last } of sequences)
    if (last !== null) await to.query(`select setval(${literal(`pgq.${identifier(name)}`)}, ${last})`);
}

/** The transaction id that the server gives out next. */
export async function nextXid(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ next: number }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next',
  );
  return row?.next ?? 0;
}

/** Uses transaction ids up until the server gives out `next`, or a later one. */
export async function useXids(database: TestDatabase, next: number): Promise<void> {
  while ((await nextXid(database)) < next)
    await database.query('do $$ begin for n in 1..200 loop perform txid_current(); commit; end loop; end $$');
}
