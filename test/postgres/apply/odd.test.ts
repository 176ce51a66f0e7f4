// Tables as odd as they come, from the docs alone: captured by the file, copied, changed, applied and compared.
import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { applyHandler } from '../../../src/apply/handler.ts';
import { groupName } from '../../../src/queue/names.ts';
import { givenMover } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';
import { givenWorker } from '../../support/workers/child-worker.ts';
import { withVerbs } from '../../support/workers/worker-central.ts';

const TABLE = `"Odd.Table ""x"""`;
const COLUMNS = `"Key Id" int, "a,b" text, "SELECT" mood, tags text[], grid int[][], doc json, more jsonb, bytes bytea,
  twice int generated always as ("Key Id" * 2) stored, no bigint generated always as identity, big text, ratio float8, wait interval,
  "100%" numeric, at timestamptz, day date, inside addr, span tstzrange, bits varbit, net inet, "shard name" text`;
const TYPES = `create type mood as enum ('sad', 'so, so', 'O''K'); create type addr as (street text, "no" int)`;
const VALUES = (n: number) =>
  `${n}, E'a\\tb\\n\\\\N "é" 😀 ${n}', 'so, so', array['', 'NULL', null, '{"}', 'x,y'], '{{1,2},{3,null}}', '{"a" : [1,  2], "a": "\\u00e9"}',
   '{"big": 12345678901234567890.10}', '\\x00ff5c', repeat(md5('${n}'), 4000), 'NaN', '-1 year 2 mons -3 days 04:05:06.789', 1e30 / 7,
   '2026-03-29 02:30:00.123456+02', '4712-01-01 BC', row('x, "y"', null)::addr, '[2026-01-01,infinity)', B'1011', '::1/64', ''`;
const NAMES = `"Key Id", "a,b", "SELECT", tags, grid, doc, more, bytes, big, ratio, wait, "100%", at, day, inside, span, bits, net, "shard name"`;

const yaml = (text: string) => `'${text.replaceAll("'", "''")}'`;

test('quoted names, every kind of value, toasted columns that an update leaves alone, and sessions with odd settings', {
  timeout: 120_000,
}, async () => {
  const given = await givenMover({
    shards: 1,
    queues: `  changes: { create: true, apply: { table: ${yaml(`public.${TABLE}`)}, key: [the shard, Key Id], shard: the shard } }`,
  });
  const { cluster, config } = given;
  const { central } = cluster;
  const [shard] = cluster.shards as [TestDatabase];
  const [here, there] = [await central.connect(), await shard.connect()];
  await there.script(`${TYPES}; create table ${TABLE} (${COLUMNS}, primary key ("Key Id"))`);
  await here.script(
    `${TYPES}; create table ${TABLE} ("the shard" text, ${COLUMNS}, primary key ("Key Id", "the shard"))`,
  );
  await there.script(`alter table ${TABLE} alter column big set storage external`);
  await there.script(`insert into ${TABLE} (${NAMES}) values (${VALUES(1)}), (${VALUES(2)})`);
  appendFileSync(
    config.file,
    `\ncapture: { odd: { tables: [${yaml(`public.${TABLE}`)}], queue: changes } }\n`,
  );
  const tributary = (...args: string[]) => run(['-c', config.file, ...args]);
  const captured = await tributary('capture', 'install');
  expect(captured, captured.stderr).toMatchObject({ code: 0 });
  const { mover, ended } = given.start();
  const group = groupName(config);
  const verbs = await withVerbs(central);
  const [applied] = config.queues[0]?.apply ?? [];
  givenWorker(
    verbs,
    applyHandler(applied === undefined ? [] : [applied], { queue: 'changes', group, origin: 'extra4' }),
    { queue: 'changes', slot: 'changes#1', group, retry: { attempts: 1, firstMs: 10, maxMs: 20 } },
  );
  const copy = await tributary('apply', 'copy', 'changes');
  expect(copy, copy.stderr).toMatchObject({ code: 0 });
  await there.script(`update ${TABLE} set "a,b" = null where "Key Id" = 1`);
  await there.script(
    `set datestyle = 'German'; set intervalstyle = 'iso_8601'; set bytea_output = 'escape'; set timezone = 'Asia/Kolkata'; insert into ${TABLE} (${NAMES}) values (${VALUES(3)}); update ${TABLE} set span = null where "Key Id" = 3`,
  );
  await there.script(`reset all; delete from ${TABLE} where "Key Id" = 2`);
  await until(
    async () => {
      await verbs.tick('changes');
      const compared = await tributary('compare', 'changes', '--patience', '1s', '--json');
      return compared.code === 0;
    },
    { what: 'the same rows on both sides', timeoutMs: 90_000 },
  );
  const rows = (of: TestDatabase) =>
    of.query<{ row: string }>(
      `select (to_jsonb(t) - 'the shard')::text as row from ${TABLE} t order by "Key Id"`,
    );
  expect(await rows(central)).toEqual(await rows(shard));
  expect(await central.query('select error from tributary.dead_event')).toEqual([]);
  // As the page says: a key that changes fails in the application, and nothing else does.
  await expect(there.script(`update ${TABLE} set "Key Id" = 9 where "Key Id" = 1`)).rejects.toThrow(
    /primary key update not allowed/i,
  );
  await mover.stop();
  await ended;
});
