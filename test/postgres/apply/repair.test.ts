// Rows that are repaired while their changes are under way, and behind it older ones come late: none is lost, none comes back.
import { expect, test } from 'vitest';
import { sourceTables } from '../../../src/apply/copy/source-table.ts';
import { readTarget } from '../../../src/apply/read-target.ts';
import { repairRows } from '../../../src/compare/repair-rows.ts';
import type { AppliedTable } from '../../../src/config/config.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { givenMerged, QUEUE, rowsOf } from '../../support/apply/merged.ts';
import { until } from '../../support/until.ts';

const APPLIED: AppliedTable = {
  ...{ table: 'merged.orders', source: 's1.orders', key: ['shard', 'id'], shard: 'shard' },
  ...{ onConflict: 'error', ignore: [] },
};

async function given() {
  const merged = await givenMerged('id int, note text');
  await merged.capture('s1');
  const { central } = merged;
  const connect = async () => (await central.connect()) as unknown as Connection;
  const repair = async (keys: readonly number[]) => {
    const [shard, own] = await Promise.all([connect(), connect()]);
    const target = await readTarget(own, APPLIED);
    const [source] = await sourceTables(shard, target, 's1');
    if (source === undefined) throw new Error('There is no table on the shard.');
    return await repairRows({
      ...{ queue: QUEUE, target, sources: [source], shard, central: own },
      differences: keys.map((key) => ({ key: [String(key)], what: 'surplus' })),
    });
  };
  const areSame = async () =>
    expect(await rowsOf(central, 'merged.orders')).toEqual(await rowsOf(central, 's1.orders'));
  return { ...merged, connect, repair, areSame };
}

test('a row that was inserted, and one that was deleted, since they were compared are left as they are, wherever their change is', async () => {
  const { central, connect, repair, areSame, work, settle } = await given();
  const worker = await connect();
  // The worker is in the middle of a batch: 1 came anew, and 2 goes, when the command has already called both a difference.
  await central.query("insert into merged.orders values ('s1', 1, 'surplus')");
  await worker.script(
    "begin; select tributary.apply_look('changes', 'g', array['merged.orders'], null, array['s1'])",
  );
  const repaired = repair([1, 2, 3, 4]);
  await until(
    async () =>
      (
        await central.query(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
      ).length > 0,
    { what: 'the command that waits for the worker' },
  );
  await central.query("insert into s1.orders values (1, 'anew'), (2, 'gone'), (3, 'not applied')");
  await central.query('delete from s1.orders where id = 2');
  await worker.script(`insert into merged.orders values ('s1', 1, 'anew') on conflict (shard, id) do update
    set note = excluded.note; delete from merged.orders where id = 2; commit`);
  expect(await repaired).toBe(4);
  await areSame();
  // What is in the queue of all this is applied behind it, and so is what follows.
  await central.query("insert into s1.orders values (4, 'later'); delete from s1.orders where id = 3");
  work({ source: 's1.orders' });
  await settle();
  await areSame();
});

test('a row that was found to be gone is not brought back by an older change that failed before', async () => {
  const { central, repair, areSame, work, settle, dead, retry } = await given();
  await central.query('alter table merged.orders add constraint no_old check (note <> $$old$$)');
  work({ source: 's1.orders' });
  await central.query("insert into s1.orders values (5, 'old')");
  await settle();
  expect(await dead()).toHaveLength(1);
  await central.query(
    'alter table s1.orders disable trigger all; delete from s1.orders; alter table s1.orders enable trigger all',
  );
  await central.query("insert into merged.orders values ('s1', 5, 'surplus')");
  await repair([5]);
  await areSame();
  await central.query('alter table merged.orders drop constraint no_old');
  await retry();
  await settle();
  await areSame();
});
