// apply: captured changes on central, applied to a table by one worker, against a handler that runs a statement for each change; and by
// one and four workers in lanes, of as many shards as lanes have something to do with.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BenchCluster, givenBench } from './cluster.ts';
import { report } from './report.ts';
import { workOff } from './work-off.ts';

/** What one would write without `apply`. */
const HANDLER = `export default {
  async event(event, { client }) {
    const row = event.json();
    const { op } = JSON.parse(event.type);
    const { shard } = event.origin;
    if (op === 'DELETE') await client.query('delete from one_by_one where shard = $1 and id = $2', [shard, row.id]);
    else await client.query(\`insert into one_by_one (shard, id, note, price, at) values ($1, $2, $3, $4, $5)
      on conflict (shard, id) do update set note = excluded.note, price = excluded.price, at = excluded.at\`,
      [shard, row.id, row.note, row.price, row.at]);
  },
};
`;
const TABLE =
  'shard text, id bigint, note text, price numeric(12, 2), at timestamptz, primary key (shard, id)';

/** Six of ten are updates, two inserts, two deletes; of four shards. */
const CHANGES = `
select count(pgq.insert_event($1,
    json_build_object('op', case when n % 10 < 6 then 'UPDATE' when n % 10 < 8 then 'INSERT' else 'DELETE' end,
        'table', json_build_array('public', 'orders'), 'pkey', json_build_array('id'))::text,
    json_build_object('id', id, 'note', 'note ' || n || repeat('x', 60), 'price', (n % 1000 / 7.0)::numeric(12, 2)::text,
        'at', clock_timestamp())::text,
    'public.orders', null, null, 's' || n % $5 || ':orders:' || n))
from (select n, (hashint8(n)::bigint + 2147483648) % $3::bigint as id from generate_series($4::bigint, $2::bigint) n) x`;

export async function apply(
  name: string,
  { changes = 200_000, singles = 40_000, rows = 100_000, aTick = 500 } = {},
): Promise<void> {
  const bench = await givenBench({
    shards: 1,
    queues: `  applied: { create: true, apply: { table: public.applied, source: public.orders, key: [shard, id] } }
  in_lanes_1: { create: true, workers: 1, lanes: 16, apply: { table: public.in_lanes, source: public.orders, key: [shard, id] } }
  in_lanes_4: { create: true, workers: 4, lanes: 16, apply: { table: public.in_lanes, source: public.orders, key: [shard, id] } }
  one_by_one: { create: true, workers: 1, handler: ./one-by-one.mjs }`,
  });
  try {
    writeFileSync(join(dirname(bench.config.file), 'one-by-one.mjs'), HANDLER);
    const { central } = bench;
    await central.script(
      `create table applied (${TABLE}); create table one_by_one (${TABLE}); create table in_lanes (${TABLE})`,
    );
    await fill(bench, 'applied', { changes, rows, aTick });
    const many = await workOff(bench, { queue: 'applied', workers: 1 });
    const inLanes: Record<number, number> = {};
    for (const workers of [1, 4]) {
      const queue = `in_lanes_${workers}`;
      await central.script('truncate in_lanes');
      await fill(bench, queue, { changes, rows, aTick, shards: 64 });
      inLanes[workers] = changes / (await workOff(bench, { queue, workers, hasLanes: true })).seconds;
    }
    await fill(bench, 'one_by_one', { changes: singles, rows, aTick });
    const single = await workOff(bench, { queue: 'one_by_one', workers: 1 });
    report(name, {
      changes,
      'applied, changes/s': changes / many.seconds,
      'in 16 lanes by 1 worker, changes/s': inLanes[1] ?? 0,
      'in 16 lanes by 4 workers, changes/s': inLanes[4] ?? 0,
      'applied, CPU µs of the worker': (many.cpuSeconds / changes) * 1e6,
      'applied, CPU µs of the server': (many.serverCpuSeconds / changes) * 1e6,
      'a statement each, changes/s': singles / single.seconds,
      'a statement each, CPU µs of the worker': (single.cpuSeconds / singles) * 1e6,
      'a statement each, CPU µs of the server': (single.serverCpuSeconds / singles) * 1e6,
      ratio: changes / many.seconds / (singles / single.seconds),
    });
  } finally {
    await bench.stop();
  }
}

async function fill(
  { central }: BenchCluster,
  queue: string,
  {
    changes,
    rows,
    aTick,
    shards = 4,
  }: {
    readonly changes: number;
    readonly rows: number;
    readonly aTick: number;
    readonly shards?: number;
  },
): Promise<void> {
  for (let at = 1; at <= changes; at += aTick) {
    await central.query(CHANGES, [queue, Math.min(changes, at + aTick - 1), rows, at, shards], {
      timeoutMs: 600_000,
    });
    await central.query('select tributary.tick($1, null)', [queue]);
  }
  await central.query('checkpoint', [], { timeoutMs: 600_000 });
}
