// Tables whose rows change all the time, while a session holds an old snapshot: no version of a row can be removed, and what a look at
// one costs may not follow their number.
import { expect, test } from 'vitest';
import { PILED_TABLES, PiledTables } from '../../../src/upkeep/piled-tables.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const LANES = 4;
const FROM_BYTES = 12_000;
const CHANGES = 250;

/** Makes events with a key that goes around, a tick, and a batch of it, each in a transaction of its own. */
const batches = (central: WorkerCentral, count: number) =>
  central.query(`do $$
    declare v_batch bigint;
    begin
      for n in 1 .. ${count} loop
        perform pgq.insert_event('orders', 'made', n::text, (n % 16)::text, null, null, null);
        commit;
        perform tributary.tick('orders', null);
        commit;
        v_batch := (tributary.coop_next_batch('orders', '${GROUP}', 'm1', null, null, null, null, true, true)).batch_id;
        commit;
        if v_batch is not null then
          perform tributary.coop_finish_batch(v_batch);
          commit;
        end if;
      end loop;
    end $$`);

/** Of the others a row each: it is there, and changes. */
const OTHERS: Readonly<Record<string, readonly [row: string, change: string]>> = {
  attempt: ["values ('orders', 'g', 1, 'a:b:1', 1, null, now(), now(), now())", 'attempts = attempts + 1'],
  coop_opening: ['values (0, 0, 1, 2, 1)', 'openings = openings + 1'],
  key_rate: ["values (0, 0, 'h', now())", 'used_until = clock_timestamp()'],
  lane_waiting: ["(queue_id, sub_id, hash, ev_id, ev_time) values (0, 0, 'h', 1, now())", 'ev_retry = 1'],
  paused_key: [
    "(queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts) values (0, 0, 'h', 'k', 1, 1, 'infinity', 1)",
    'attempts = attempts + 1',
  ],
  member: [
    "(id, kind, host, started_at, seen_at, ttl, until, unbroken_since, backend_pid, backend_start) values (gen_random_uuid(), 'work', 'a', now(), now(), '1 min', now(), now(), 1, now())",
    'beats = beats + 1',
  ],
  mover_report: ["values (gen_random_uuid(), now(), '1 s')", 'at = clock_timestamp()'],
  narrowing: [
    "(central_queue, group_name, start_tick, end_tick) values ('orders', 'g', 1, 2)",
    'at = clock_timestamp()',
  ],
  shard_report: ["values ('a', now(), 's', 'd', '{}', '{}')", 'at = clock_timestamp()'],
  source_lag: [
    "(source, state) select id, 'idle' from tributary.source",
    'events_behind = extract(epoch from clock_timestamp())',
  ],
};

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: Readonly<Record<string, number>> }[];
}

/** Pages that a look at the lanes visits by their key, whether in memory or not. */
async function pagesOfLook(central: WorkerCentral): Promise<number> {
  const connection = await central.connect();
  await connection.query('set enable_seqscan = off');
  const [row] = await connection.query<Plan & Record<string, unknown>>(
    `explain (analyze, buffers, format json)
     select l.lane, l.position from tributary.lane_set s join tributary.lane l on l.queue_id = s.queue_id and l.sub_id = s.sub_id`,
  );
  await connection.close();
  const plan = row?.['QUERY PLAN'][0]?.Plan ?? {};
  return Number(plan['Shared Hit Blocks']) + Number(plan['Shared Read Blocks']);
}

type Asked = Pick<WorkerCentral, 'query'>;

const rowsOf = (asked: Asked, name: string) =>
  asked.query(`select t::text as row from tributary.${name} t order by 1`);
const allRows = async (asked: Asked) =>
  Object.fromEntries(
    await Promise.all(PILED_TABLES.map(async (name) => [name, await rowsOf(asked, name)] as const)),
  );
const sizeOf = async (central: WorkerCentral, name: string) =>
  (await central.query<{ bytes: number }>(`select pg_relation_size('tributary.${name}')::int as bytes`))[0]
    ?.bytes ?? 0;

const insert = (central: WorkerCentral, name: string) =>
  central.query(`insert into tributary.${name} ${OTHERS[name]?.[0]}`);

const change = (central: WorkerCentral, name: string) =>
  central.query(
    `do $$ begin for n in 1 .. ${CHANGES} loop update tributary.${name} set ${OTHERS[name]?.[1]}; commit; end loop; end $$`,
  );

async function givenLanes(): Promise<WorkerCentral> {
  const central = await givenWorkerCentral();
  await central.query('select tributary.lanes_set($1, $2, $3, $4, false, true)', [
    ...['orders', GROUP, 'ev_extra1', LANES],
  ]);
  return central;
}

test('under a held snapshot each of them is small again once it is written anew, and nobody ever finds it empty', async () => {
  const central = await givenLanes();
  await central.query(
    "insert into tributary.source (shard, queue, central_queue) values ('a', 'orders', 'orders')",
  );
  for (const [name, [row]] of Object.entries(OTHERS))
    await central.query(`insert into tributary.${name} ${row}`);
  expect(await new PiledTables().run(await central.connect())).toEqual([]);
  const holder = await central.connect();
  await holder.query('begin isolation level repeatable read');
  await holder.query('select count(*) from pg_class');
  const fresh = await pagesOfLook(central);
  await batches(central, CHANGES);
  for (const name of Object.keys(OTHERS)) await change(central, name);
  expect(await pagesOfLook(central)).toBeGreaterThan(fresh + 8);
  await central.query(
    "select pgq.insert_event('orders', 'made', '1', 'flood', null, null, null) from generate_series(1, 150)",
  );
  await central.tick('orders');
  const [open] = await central.query<{ batch: number }>(
    `select batch_id as batch from tributary.coop_next_batch('orders', '${GROUP}', 'm2', null, null, null, null, true, true)`,
  );
  const before = await allRows(central);
  const sizes = new Map<string, number>();
  for (const name of PILED_TABLES) sizes.set(name, await sizeOf(central, name));

  const connection = await central.connect();
  const tables = new PiledTables({ fromBytes: FROM_BYTES });
  expect((await tables.run(connection)).sort()).toEqual([...PILED_TABLES]);
  expect(await allRows(central)).toEqual(before);
  // A statement that began before, and had to wait for the table, sees its rows as they are now.
  expect(await allRows(holder)).toEqual(before);
  for (const name of PILED_TABLES)
    expect.soft(await sizeOf(central, name), name).toBeLessThan(sizes.get(name) ?? 0);
  expect(await pagesOfLook(central)).toBeLessThanOrEqual(fresh + 4);
  expect(await tables.run(connection)).toEqual([]);
  await central.query('select tributary.coop_finish_batch($1)', [open?.batch]);
  await batches(central, 8);
  expect(await central.query('select from tributary.lane where batch is not null')).toEqual([]);
  await holder.query('rollback');
});

test('a table that somebody has locked is left as it is, and the others are not', async () => {
  const central = await givenLanes();
  const holder = await central.connect();
  await holder.query('begin isolation level repeatable read');
  await insert(central, 'key_rate');
  await holder.query('select from tributary.key_rate');
  await batches(central, CHANGES);
  await change(central, 'key_rate');
  const before = await allRows(central);
  const connection = await central.connect();
  const written = await new PiledTables({ fromBytes: FROM_BYTES }).run(connection);
  expect(written).toContain('lane');
  expect(written).not.toContain('key_rate');
  expect(await allRows(central)).toEqual(before);
  await holder.query('rollback');
  expect(await new PiledTables({ fromBytes: FROM_BYTES }).run(connection)).toContain('key_rate');
});

test('a table whose rows are too much to be held in memory is left as it is', async () => {
  const central = await givenLanes();
  const connection = await central.connect();
  const tables = new PiledTables({ fromBytes: 1 });
  await insert(central, 'lane_waiting');
  expect(await tables.run(connection)).toContain('lane_waiting');
  // Text that is hardly compressed, so that the server stores as much.
  await central.query(
    `insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_data)
     select 0, 0, 'h', n + 1, now(), (select string_agg(md5(n || '-' || k), '') from generate_series(1, 40000) k)
       from generate_series(1, 24) n`,
  );
  const before = await rowsOf(central, 'lane_waiting');
  const written = await new PiledTables({ fromBytes: 1 }).run(connection);
  expect(written).toContain('lane');
  expect(written).not.toContain('lane_waiting');
  expect(await rowsOf(central, 'lane_waiting')).toEqual(before);
});

test('a look for a batch that meets it finds what there is', async () => {
  const central = await givenLanes();
  await central.query(
    "select pgq.insert_event('orders', 'made', n::text, n::text, null, null, null) from generate_series(1, 400) n",
  );
  await central.tick('orders');
  let isDone = false;
  const members = ['m1', 'm2', 'm3'].map(async (member) => {
    const connection = await central.connect();
    for (let looks = 0; looks < 60; looks++) {
      const [found] = await connection.query<{ batch: number | null }>(
        `select batch_id as batch from tributary.coop_next_batch('orders', '${GROUP}', '${member}', null, null, null, null, true, true)`,
      );
      // Handed back at once: there is always a lane that has events and is free.
      expect(found?.batch, `look ${looks}`).not.toBeNull();
      await connection.query('begin');
      await connection.query('select tributary.coop_finish_batch($1)', [found?.batch]);
      await connection.query('rollback');
    }
  });
  const connection = await central.connect();
  const writer = (async () => {
    while (!isDone) await new PiledTables({ fromBytes: 1 }).run(connection);
  })();
  try {
    await Promise.all(members);
  } finally {
    isDone = true;
    await writer;
  }
});
