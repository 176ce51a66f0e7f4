// Captures on real shards: which triggers they get, what these write, and what is seen of tables that change.
import { expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { parseOrigin } from '../../../src/handler/origin.ts';
import { capturesId, seeCaptures } from '../../../src/install/capture/seen.ts';
import { install } from '../../../src/install/install.ts';
import { givenConfig, givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, outcomes } from '../../support/installation/installation.ts';
import { givenMover, movedTo } from '../../support/mover/mover.ts';
import { blockOf, markedBlocks } from '../../support/pages/blocks.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  changes: { workers: none, create: true }';

interface Written {
  readonly type: string;
  readonly data: string;
  readonly extra1: string;
  readonly extra2: string | null;
}

/** What was written into a queue, in its order; JSON as what it says. */
async function writtenIn(shard: TestDatabase, queue = 'changes'): Promise<Written[]> {
  const [row] = await shard.query<{ t: string }>(
    'select queue_data_pfx as t from pgq.queue where queue_name = $1',
    [queue],
  );
  return await shard.query<Written & Record<string, unknown>>(
    `select ev_type as type, ev_data as data, ev_extra1 as extra1, ev_extra2 as extra2 from ${row?.t} order by ev_id`,
  );
}

const inShort = ({ type, data, extra1 }: Written): string => {
  const { op, pkey } = JSON.parse(type) as { op: string; pkey?: string[] };
  return `${op} ${extra1} (${pkey?.join() ?? ''}) ${data}`;
};

const TABLES = `
  create schema shop;
  create table shop.orders (id int primary key, total numeric, note text);
  create table shop."Order ""Items""" ("a b" int, line int, primary key ("a b", line));
  create table shop.order_log (id int not null, what text);
  create unique index on shop.order_log (id);
  create table shop.payments (id int, day date, primary key (id, day)) partition by range (day);
  create table shop.payments_1 partition of shop.payments for values from ('2026-01-01') to ('2026-02-01');
  create table shop.tmp (id int primary key);
  create view shop.seen as select * from shop.orders`;

const CAPTURES = `capture:
  sales: { tables: ['shop.*', '!shop.tmp', '!shop.order_log'], queue: changes }
  logs: { tables: [shop.order_log], queue: changes, key: id, when: "row.what <> 'secret'", old: true }`;

test('puts triggers on all shards, which write what changes, and does nothing the second time', async () => {
  const cluster = await givenCluster({ shards: 2 });
  for (const shard of cluster.shards) await shard.query(TABLES);
  const file = givenFile(fileFor(cluster, { queues: QUEUES, more: CAPTURES }));

  // Without the queue nothing is done: writes to the tables would fail.
  const early = await run(['-c', file, 'capture', 'install']);
  expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('has no queue changes') });
  const dry = await run(['-c', file, 'install', '--dry-run']);
  expect(dry.stdout).toContain(
    'create or replace trigger "tributary:shop:sales" after insert or update or delete on "shop"."orders"',
  );
  const installed = await run(['-c', file, 'install', '--json']);
  expect(installed.code, installed.stderr).toBe(0);
  const did = JSON.parse(installed.stdout).databases[2].did as string[];
  expect(did.filter((what) => what.includes('(capture'))).toEqual([
    'capture shop.Order "Items" into queue changes by jsontriga (capture sales)',
    'capture shop.orders into queue changes by jsontriga (capture sales)',
    'capture shop.payments into queue changes by jsontriga (capture sales)',
    'capture shop.order_log into queue changes by jsontriga (capture logs)',
  ]);

  const [shard] = cluster.shards as [TestDatabase];
  await shard.query(`
    insert into shop.orders values (1, 4.20, null);
    update shop.orders set note = 'it''s' where id = 1;
    delete from shop.orders;
    insert into shop."Order ""Items""" values (1, 2);
    insert into shop.payments values (1, '2026-01-05');
    create table shop.payments_2 partition of shop.payments for values from ('2026-02-01') to ('2026-03-01');
    insert into shop.payments values (2, '2026-02-05');
    truncate shop.payments;
    insert into shop.tmp values (1)`);
  expect((await writtenIn(shard)).map(inShort)).toEqual([
    'INSERT shop.orders (id) {"id":1,"total":"4.20","note":null}',
    `UPDATE shop.orders (id) {"id":1,"total":"4.20","note":"it's"}`,
    `DELETE shop.orders (id) {"id":1,"total":"4.20","note":"it's"}`,
    'INSERT shop.Order "Items" (a b,line) {"a b":1,"line":2}',
    'INSERT shop.payments (id,day) {"id":1,"day":"2026-01-05"}',
    'INSERT shop.payments (id,day) {"id":2,"day":"2026-02-05"}',
    expect.stringMatching(/^TRUNCATE shop\.payments /),
  ]);

  const before = (await writtenIn(shard)).length;
  await shard.query(`
    insert into shop.order_log values (1, 'open'), (2, 'secret');
    update shop.order_log set what = 'secret' where id = 1;
    update shop.order_log set what = 'secret too' where id = 2;
    delete from shop.order_log where id = 1`);
  const logged = (await writtenIn(shard)).slice(before);
  expect(logged.map(inShort)).toEqual([
    'INSERT shop.order_log (id) {"id":1,"what":"open"}',
    'UPDATE shop.order_log (id) {"id":1,"what":"secret"}',
    'UPDATE shop.order_log (id) {"id":2,"what":"secret too"}',
  ]);
  expect(logged.map(({ extra2 }) => extra2)).toEqual([
    null,
    '{"id":1,"what":"open"}',
    '{"id":2,"what":"secret"}',
  ]);

  const oids = () =>
    shard.query("select oid, tgname from pg_trigger where tgname like 'tributary:%' order by 1");
  const made = await oids();
  const again = await run(['-c', file, 'capture', 'install']);
  expect(again).toMatchObject({
    code: 0,
    stdout: '0 of 2 shards changed; 8 tables were as the file says already.\n',
  });
  expect(await oids()).toEqual(made);
  expect(outcomes(await install(givenConfig(fileFor(cluster, { queues: QUEUES, more: CAPTURES }))))).toEqual({
    central: 'unchanged',
    s1: 'unchanged',
    s2: 'unchanged',
  });
  expect(await run(['-c', file, 'capture', 'status'])).toMatchObject({ code: 0, stderr: '' });
});

test('sees what is missing, disabled, new or another one, on which shard, and mends it', async () => {
  const cluster = await givenCluster({ shards: 2 });
  for (const shard of cluster.shards) await shard.query(TABLES);
  const file = givenFile(fileFor(cluster, { queues: QUEUES, more: CAPTURES }));
  expect((await run(['-c', file, 'install'])).code).toBe(0);
  const [, second] = cluster.shards as [TestDatabase, TestDatabase];
  await second.query(`
    alter table shop.orders add note2 text;
    alter table shop.payments_1 disable trigger "tributary:shop:sales";
    drop trigger "tributary:shop:logs:d" on shop.order_log;
    alter table shop."Order ""Items""" disable trigger "tributary:shop:sales:t";
    create table shop.later (id int primary key);
    create table shop.keyless (id int, unique (id));
    create trigger mine after insert on shop.orders for each row execute function pgq.logutriga('changes')`);

  const WRONG = [
    's2: shop.Order "Items" (capture sales) disabled: trigger tributary:shop:sales:t is disabled.',
    's2: shop.later (capture sales) missing: it has no trigger.',
    's2: shop.keyless (capture sales) refused: it has no primary key: give it one, or say `key: [id]`, which are unique.',
    's2: shop.orders (capture sales) changed: column note2 was added.',
    's2: shop.payments (capture sales) disabled: trigger tributary:shop:sales is disabled on shop.payments_1.',
    's2: shop.order_log (capture logs) missing: trigger tributary:shop:logs:d is missing.',
  ];
  const status = await run(['-c', file, 'capture', 'status']);
  expect(status.code).toBe(3);
  for (const line of WRONG) expect(status.stdout).toContain(line);
  expect(status.stdout.match(/^s[12]: /gm)).toHaveLength(WRONG.length);
  expect(status.stdout).toMatch(/^sales +shop\.orders +changes +jsontriga +1 .* 1/m);

  const doctor = JSON.parse((await run(['-c', file, 'doctor', '--json'])).stdout);
  const found = (
    doctor.diagnoses as { cause: string; names: string[]; evidence: string[]; command: string }[]
  )
    .filter(({ cause }) => /captur/.test(cause))
    .map(({ cause, names, command }) => [cause, ...names, command]);
  expect(found).toEqual([
    ['not-captured', 's2', 'tributary capture install'],
    ['not-captured', 's2', 'tributary capture install'],
    ['capture-differs', 's2', 'tributary capture install'],
  ]);

  // What movers say of them, so that doctor does not have to ask.
  const { config } = loadConfig(file, { env: { PGUSER: 'ann' } });
  if (config === undefined) throw new Error('The file is not valid.');
  const seen = () =>
    Promise.all(
      cluster.shards.map(async (shard) => {
        const connection = await shard.connect();
        const captured = await seeCaptures(connection, config, { schema: 'pgq' });
        // The connection is a mover's, which goes on with it.
        expect(await connection.query('select 1 as one')).toEqual([{ one: 1 }]);
        await connection.close();
        return captured;
      }),
    );
  const id = capturesId(config);
  expect(await seen()).toEqual([id, undefined]);
  expect(capturesId({ ...config, captures: config.captures?.slice(1) ?? [] })).not.toBe(id);

  const plan = await run(['-c', file, 'capture', 'plan']);
  expect(plan.code).toBe(1);
  expect(plan.stderr).toContain('note: Shard s2');
  expect(plan.stderr).toContain('trigger mine on table shop.orders writes to queue changes too');
  expect(plan.stdout).toContain('  capture shop.later into queue changes by jsontriga (capture sales)\n');
  await second.query('drop table shop.keyless; drop trigger mine on shop.orders');
  const mended = await run(['-c', file, 'capture', 'install']);
  expect(mended.code, mended.stderr).toBe(0);
  expect(mended.stdout).toContain('1 of 2 shards changed');
  expect(await seen()).toEqual([id, id]);
  // A table that somebody changes at this moment keeps nobody waiting.
  const changing = await second.connect();
  await changing.script('begin; lock table shop.payments_1 in access exclusive mode');
  expect(await seen()).toEqual([id, undefined]);
  await changing.close();
  expect(await run(['-c', file, 'capture', 'status'])).toMatchObject({ code: 0, stderr: '' });
  await second.query("insert into shop.payments values (1, '2026-01-05')");
  expect((await writtenIn(second)).map(inShort)).toEqual([
    'INSERT shop.payments (id,day) {"id":1,"day":"2026-01-05"}',
  ]);
});

test('removes its own triggers only, after a question', async () => {
  const cluster = await givenCluster({ shards: 1 });
  const [shard] = cluster.shards as [TestDatabase];
  await shard.query(TABLES);
  const fileOf = (more: string) => givenFile(fileFor(cluster, { queues: QUEUES, more }));
  const file = fileOf(CAPTURES);
  expect((await run(['-c', file, 'install'])).code).toBe(0);
  await shard.query(`create trigger "tributary:other:sales" after insert on shop.tmp for each row
    execute function pgq.logutriga('changes')`);
  const names = async () =>
    (
      await shard.query<{ n: string }>(
        "select distinct tgname as n from pg_trigger where tgname like 'tributary:%' order by 1",
      )
    ).map(({ n }) => n.slice('tributary:'.length));

  expect(await run(['-c', file, 'capture', 'remove'])).toMatchObject({ code: 2 });
  expect(await run(['-c', file, 'capture', 'remove', 'sale'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean sales?'),
  });
  const asked = await run(['-c', file, 'capture', 'remove', 'sales']);
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') });
  expect(await names()).toEqual([
    'other:sales',
    'shop:logs:d',
    'shop:logs:i',
    'shop:logs:t',
    'shop:logs:u',
    'shop:sales',
    'shop:sales:t',
  ]);
  const gone = await run(['-c', file, 'capture', 'remove', 'sales', '--yes']);
  expect(gone.code, gone.stderr).toBe(0);
  expect(await names()).toEqual(['other:sales', 'shop:logs:d', 'shop:logs:i', 'shop:logs:t', 'shop:logs:u']);

  // What the file does not have any more is left over.
  const without = fileOf('');
  const status = await run(['-c', without, 'capture', 'status']);
  expect(status).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('left-over: the file has no capture logs'),
  });
  expect((await run(['-c', without, 'capture', 'remove', '--left-over', '--yes'])).code).toBe(0);
  expect(await names()).toEqual(['other:sales']);
});

test('events come with the id of their transaction, read with a round and by COPY, and keep a value of their own', async () => {
  const given = await givenMover({
    shards: 1,
    queues: QUEUES,
    more: 'capture: { orders: { tables: "public.order*", queue: changes, transaction_id: true } }',
  });
  const { central } = given.cluster;
  const [shard] = given.cluster.shards as [TestDatabase];
  await shard.query('create table orders (id int primary key, text text)');
  const rows = await install(given.config as Config);
  expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  const { mover, ended } = given.start();
  const ids: string[] = [];
  let moved = 0;
  for (const size of [1, 1, 3_000, 1]) {
    const [row] = await shard.query<{ id: string }>(
      `with i as (insert into orders select count(*) + 1, repeat('x', $1::int) from orders) select txid_current()::text as id`,
      [size],
    );
    ids.push(row?.id ?? '');
    moved += 1;
    await until(async () => (await movedTo(given, 'changes')) === moved, {
      what: `${moved} changes`,
      timeoutMs: 30_000,
    });
  }
  await shard.query("select pgq.insert_event('changes', 'mine', '', null, null, 'my own', null)");
  await until(async () => (await movedTo(given, 'changes')) === moved + 1, {
    what: 'all',
    timeoutMs: 30_000,
  });
  await mover.stop();
  await ended;
  const events = await central.query<{ extra3: string; extra4: string }>(
    "select ev_extra3 as extra3, ev_extra4 as extra4 from pgq.event_template where ev_extra4 like 's1:changes:%' order by ev_id",
  );
  expect(events.map(({ extra3 }) => extra3)).toEqual([...ids, 'my own']);
  expect(events.every(({ extra4 }) => parseOrigin(extra4) !== undefined)).toBe(true);
});

test('the example of docs/capture.md', async () => {
  const blocks = markedBlocks('docs/capture.md');
  const cluster = await givenCluster({ shards: 2 });
  for (const shard of cluster.shards) await shard.query(blockOf(blocks, 'shard'));
  const file = givenFile(
    fileFor(cluster, {
      queues: '  order_changes: { workers: none, create: true }',
      more: blockOf(blocks, 'shards.yaml'),
    }),
  );
  const commands = blockOf(blocks, 'commands').match(/(?<=^tributary )[a-z ]+?(?= *(#|$))/gm) ?? [];
  expect(commands.length).toBe(4);
  for (const command of commands) {
    const { code, stderr } = await run(['-c', file, ...command.split(' ')]);
    expect(code, `${command}: ${stderr}`).toBe(0);
  }
  const [shard] = cluster.shards as [TestDatabase];
  await shard.query(
    "insert into orders (customer, total_cents) values ('Ann', 1); update orders set updated_at = clock_timestamp(); delete from orders",
  );
  expect((await writtenIn(shard, 'order_changes')).map(inShort)).toEqual([
    'INSERT public.orders (id) {"id":1,"customer":"Ann","total_cents":1}',
    'DELETE public.orders (id) {"id":1,"customer":"Ann","total_cents":1}',
  ]);
});
