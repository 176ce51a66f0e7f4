// A shard that gets another name takes its rows in merged tables along, or is refused where a change of it could still come.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUE = 'changes';

async function given() {
  const cluster = await givenCluster({ shards: 2 });
  const { central, shards } = cluster;
  const [first, second] = shards as [TestDatabase, TestDatabase];
  const here = await central.connect();
  await here.script(`create table orders (shard text, id int, note text, primary key (shard, id));
    create table lines (shard text, id int, of int, primary key (shard, id), foreign key (shard, of) references orders)`);
  for (const shard of shards)
    await (await shard.connect()).script(`create table orders (id int primary key, note text);
      create table lines (id int primary key, of int references orders)`);
  const file = givenFile(
    fileFor(cluster, {
      queues: `  ${QUEUE}: { create: true, lanes: 4, apply: [{ table: orders, key: [shard, id] }, { table: lines, key: [shard, id] }] }`,
      more: `capture: { it: { tables: [public.orders, public.lines], queue: ${QUEUE} } }`,
    }),
  );
  const tributary = (...args: string[]) => run(['-c', file, ...args]);
  const installed = await tributary('install');
  expect(installed.code, installed.stderr).toBe(0);
  const during = async (command: readonly string[], work: () => Promise<unknown>) => {
    const started: TestProcess = startTributary(['-c', file, ...command]);
    try {
      await work();
    } finally {
      started.kill('SIGTERM');
      await started.exit;
    }
  };
  const untilSame = () =>
    until(async () => (await tributary('compare', QUEUE, '--patience', '20s')).code === 0, {
      ...{ what: 'the same rows on both sides', timeoutMs: 120_000 },
    });
  const shardsOf = async (table: string) =>
    (
      await central.query<{ shard: string; n: number }>(
        `select shard, count(*) as n from ${table} group by 1 order by 1`,
      )
    ).map(({ shard, n }) => `${shard} ${n}`);
  return { central, first, second, file, tributary, during, untilSame, shardsOf };
}

test('its rows get the new name with it, in tables that refer to each other, and their changes go on meeting them', {
  timeout: 240_000,
}, async () => {
  const { central, first, second, file, tributary, during, untilSame, shardsOf } = await given();
  for (const shard of [first, second])
    await shard.query(
      `with o as (insert into orders select n, 'first' from generate_series(1, 5) n) insert into lines select n, 1 + n % 5 from generate_series(1, 9) n`,
    );
  const rename = (...more: string[]) => tributary('shard', 'rename', 's1', 'first', '--yes', ...more);
  const isMoved = async () => (await central.query('select from pgq.event_template')).length === 28;
  await during(['mover'], async () => {
    await until(isMoved, { what: 'moved changes', timeoutMs: 60_000 });
  });
  const early = await rename();
  expect(early, early.stderr).toMatchObject({ code: 1 });
  expect(early.stderr).toContain(
    'Queue changes has changes of shard s1 that are not applied yet. Run `tributary pause --shard s1`, and this again when they are applied; at the end `tributary resume --shard first`.',
  );
  await during(['start'], untilSame);
  await central.query(
    `insert into tributary.dead_event (kind, central_queue, origin, ev_id, error, attempts) values ('handler', $1, 's1:changes:1', 1, 'odd', 1)`,
    [QUEUE],
  );
  const late = await rename();
  expect(late.stderr).toContain(
    'Queue changes has changes of shard s1 that failed, and would come later under its old name.',
  );
  await central.query('delete from tributary.dead_event');
  expect(await shardsOf('orders')).toEqual(['s1 5', 's2 5']);
  expect((await rename('--dry-run')).stdout).toContain(
    'Its rows in public.orders, public.lines get the name as well.',
  );
  const renamed = await rename('--json');
  expect(renamed, renamed.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(renamed.stdout)).toEqual({
    ...{ from: 's1', to: 'first', sources: 1, done: true },
    rows: [
      { table: 'public.orders', rows: 5 },
      { table: 'public.lines', rows: 9 },
    ],
  });
  expect(await shardsOf('orders')).toEqual(['first 5', 's2 5']);
  expect(await shardsOf('lines')).toEqual(['first 9', 's2 9']);
  writeFileSync(file, readFileSync(file, 'utf8').replace('name: s1', 'name: first'));
  await first.query(`update orders set note = 'later' where id < 4`);
  await first.query('delete from lines where id = 1');
  await during(['start'], untilSame);
  expect(await shardsOf('orders')).toEqual(['first 5', 's2 5']);
  expect(await shardsOf('lines')).toEqual(['first 8', 's2 9']);
  // Another shard that has the name already, in rows, undoes all of it.
  await central.query(`insert into orders values ('second', 1, 'of nobody')`);
  const taken = await tributary('shard', 'rename', 's2', 'second', '--yes');
  expect(taken.code).toBe(1);
  expect(taken.stderr).toMatch(/duplicate key/);
  expect(await shardsOf('orders')).toEqual(['first 5', 's2 5', 'second 1']);
  expect(await central.query('select name from tributary.shard order by 1')).toEqual([
    { name: 'first' },
    { name: 's2' },
  ]);
  // The rows of one that goes stay as they are.
  await tributary('capture', 'remove', '--all', '--shard', 'first', '--yes');
  await during(['start'], async () => {
    const gone = await tributary('shard', 'retire', 'first', '--yes');
    expect(gone, gone.stderr + gone.stdout).toMatchObject({ code: 0 });
  });
  expect(await shardsOf('orders')).toEqual(['first 5', 's2 5', 'second 1']);
});
