// Changes that failed and come late, behind newer ones: tried again, dead and retried, refused by central at first.
import { expect, test } from 'vitest';
import { applyHandler } from '../../../src/apply/handler.ts';
import { groupName } from '../../../src/queue/names.ts';
import { givenMerged, rowsOf } from '../../support/apply/merged.ts';
import { givenMover, movedTo } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';
import { givenWorker } from '../../support/workers/child-worker.ts';
import { withVerbs } from '../../support/workers/worker-central.ts';

test('a dead change that is retried while no worker runs overwrites nothing, however late it comes; then its account goes', {
  timeout: 120_000,
}, async () => {
  const merged = await givenMerged('id int, note text');
  const { central } = merged;
  await merged.capture('s1');
  const before = merged.work();
  await central.query("insert into s1.orders values (1, 'first'), (2, 'first'), (3, 'first')");
  await merged.settle();
  await central.query(
    'alter table merged.orders add constraint no_old check (note is distinct from $$old$$)',
  );
  await central.query("update s1.orders set note = 'old' where id < 3");
  await merged.settle();
  expect(await merged.dead()).toHaveLength(2);
  await central.query("update s1.orders set note = 'new' where id = 1");
  await merged.settle();
  await before.stop();
  await central.query('alter table merged.orders drop constraint no_old');
  await merged.retry();
  await central.query("update tributary.dead_event set redriven_at = now() - interval '3 hours'");
  await central.tick('changes');
  merged.work();
  await central.query("update s1.orders set note = 'other' where id = 3");
  await merged.settle();
  expect(await rowsOf(central, 'merged.orders')).toEqual(await rowsOf(central, 's1.orders'));
  // Nothing can come late any more: behind some ticks there is no account of it.
  const noted = () => central.query('select from tributary.apply_newer');
  expect(await noted()).not.toEqual([]);
  await until(
    async () => {
      await central.query("update s1.orders set note = note || '.' where id = 3");
      await merged.settle();
      return (await noted()).length === 0;
    },
    { what: 'the end of the account', timeoutMs: 60_000 },
  );
  expect(await merged.dead()).toHaveLength(2);
  expect(await rowsOf(central, 'merged.orders')).toEqual(await rowsOf(central, 's1.orders'));
});

test('a truncate that comes late leaves the rows that came behind it, and of two the later one counts', async () => {
  const merged = await givenMerged('id int, note text');
  const { central } = merged;
  await merged.capture('s1');
  await merged.capture('s2');
  merged.work();
  const truncate = async () => {
    await central.query('truncate s1.orders');
    await central.query(
      "select pgq.insert_event('changes', 'R', '', 's1.orders', null, null, 's1:changes:1')",
    );
  };
  await central.query("insert into s1.orders select n, 'before' from generate_series(1, 9) n");
  await central.query("insert into s2.orders values (1, 'of another')");
  await merged.settle();
  await central.query(
    "create table merged.line (shard text, id int, foreign key (shard, id) references merged.orders); insert into merged.line values ('s1', 1)",
  );
  await truncate();
  await merged.settle();
  expect(await merged.dead()).toEqual([expect.stringMatching(/violates foreign key constraint/)]);
  await central.query("insert into s1.orders values (2, 'behind'), (5, 'goes')");
  await central.query("delete from s1.orders where id = 5; insert into s1.orders values (20, 'behind')");
  await merged.settle();
  await central.query('drop table merged.line');
  await merged.retry();
  await merged.settle();
  expect(await rowsOf(central, 'merged.orders', "shard = 's1'")).toEqual(await rowsOf(central, 's1.orders'));
  expect(await rowsOf(central, 'merged.orders', "shard = 's2'")).toHaveLength(1);
});

test('a change that central refused and takes later overwrites no newer one, though it comes with a newer id', async () => {
  const given = await givenMover({
    shards: 1,
    queues: '  changes: { create: true, apply: { table: public.item, key: [shard, id] } }',
  });
  const { central, shards } = given.cluster;
  const [shard] = shards as [TestDatabase];
  const item = 'id int primary key, note text';
  await shard.query(`create table item (${item})`);
  await central.query('create table item (shard text, id int, note text, primary key (shard, id))');
  await shard.query(
    `create trigger captured after insert or update or delete on item for each row execute procedure ${shard.schema}.jsontriga('changes')`,
  );
  const constraint = (what: string) =>
    central.query(
      `do $$ begin execute format('alter table %s ${what.replaceAll("'", "''")}',
         (select queue_data_pfx from pgq.queue where queue_name = 'changes')); end $$`,
    );
  await constraint("add constraint no_bad check (strpos(ev_data, 'bad') = 0)");
  await shard.query("insert into item values (1, 'first'), (2, 'first')");
  await shard.query("update item set note = 'bad'");
  const { mover, ended } = given.start();
  const dead = async () =>
    (await central.query('select from tributary.dead_event where redriven_at is null')).length;
  await until(async () => (await dead()) === 2, { what: 'refused events', timeoutMs: 60_000 });
  await shard.query("update item set note = 'newer' where id = 1");
  await until(async () => (await movedTo(given, 'changes')) === 3, { what: 'all others', timeoutMs: 60_000 });
  await mover.stop();
  await ended;
  const [applied] = given.config.queues[0]?.apply ?? [];
  const group = groupName(given.config);
  const verbs = await withVerbs(central);
  await verbs.tick('changes');
  givenWorker(
    verbs,
    applyHandler(applied === undefined ? [] : [applied], { queue: 'changes', group, origin: 'extra4' }),
    { queue: 'changes', slot: 'changes#1', group },
  );
  const notes = async () =>
    (await central.query<{ note: string }>('select note from item order by id')).map(({ note }) => note);
  await until(async () => String(await notes()) === 'newer,first', {
    what: 'the newer one',
    timeoutMs: 60_000,
  });
  await constraint('drop constraint no_bad');
  const retried = await run(['-c', given.config.file, 'dead', 'retry', '--all', '--yes']);
  expect(retried.stdout).toContain('2 dead events handed out again.');
  await verbs.tick('changes');
  await until(async () => String(await notes()) === 'newer,bad', { what: 'the late one', timeoutMs: 60_000 });
  expect(await central.query('select id, shard from item')).toHaveLength(2);
});
