// Several workers that apply: the changes of each shard stay in their order, and each of its transactions stays whole.
import { expect, test } from 'vitest';
import { workedIn } from '../../../src/config/worked.ts';
import { givenMerged, QUEUE, rowsOf } from '../../support/apply/merged.ts';
import { givenConfig } from '../../support/installation/config-file.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { GROUP } from '../../support/workers/worker-central.ts';

const SHARDS = ['s1', 's2', 's3', 's4', 's5', 's6'];
const KEYS = 8;

test('four workers with lanes come to the rows of six shards, whose few keys change all the time', {
  timeout: 120_000,
}, async () => {
  const random = randomFrom();
  const merged = await givenMerged('id int, note int');
  const { central } = merged;
  const [worked] = workedIn(
    givenConfig(
      `central: postgresql://db/central\nshards: [postgresql://db/app]\nqueues: { ${QUEUE}: { workers: 4, lanes: 8, apply: { table: merged.orders, key: [shard, id] } } }\n`,
    ),
  );
  await central.query('select tributary.lanes_set($1, $2, $3, $4)', [
    ...[QUEUE, GROUP, worked?.lanes?.key, worked?.lanes?.count],
  ]);
  for (const shard of SHARDS) await merged.capture(shard);
  const workers = [1, 2, 3, 4].map((slot) => merged.work({}, slot));
  let note = 0;
  const change = (shard: string): string => {
    const id = 1 + random.below(KEYS);
    const kind = random.below(20);
    note += 1;
    if (kind < 13)
      return `insert into ${shard}.orders values (${id}, ${note}) on conflict (id) do update set note = excluded.note`;
    if (kind < 19) return `delete from ${shard}.orders where id = ${id}`;
    return `truncate ${shard}.orders; select pgq.insert_event('${QUEUE}', 'R', '', '${shard}.orders', null, null, '${shard}:${QUEUE}:1')`;
  };
  for (let round = 0; round < 4; round += 1) {
    // Many small batches, so that all workers have something to do.
    for (let step = 0; step < 40; step += 1) {
      const shard = random.pick(SHARDS);
      const changes = Array.from({ length: 1 + random.below(4) }, () => change(shard));
      await central.query(changes.join('; '));
      if (random.oneIn(2)) await central.query('select tributary.tick($1, null)', [QUEUE]);
    }
    await merged.settle();
    expect(await merged.dead(), `seed ${random.seed}`).toEqual([]);
    for (const shard of SHARDS)
      expect(await rowsOf(central, 'merged.orders', `shard = '${shard}'`), `seed ${random.seed}`).toEqual(
        await rowsOf(central, `${shard}.orders`),
      );
  }
  for (const worker of workers) await worker.stop();
});

test('a key that comes from several shards is one row whoever is first, and the others are named', {
  timeout: 120_000,
}, async () => {
  const merged = await givenMerged('id int, note int', 'id');
  const { central } = merged;
  await central.query("select tributary.lanes_set($1, $2, 'split_part(ev_extra4, $$:$$, 1)', 8)", [
    QUEUE,
    GROUP,
  ]);
  for (const shard of SHARDS) await merged.capture(shard);
  for (const slot of [1, 2, 3, 4]) merged.work({ key: ['id'] }, slot);
  // In different orders, so that workers that locked them as they come would wait for each other.
  for (const [at, shard] of SHARDS.entries())
    await central.query(
      `insert into ${shard}.orders select n, ${at} from (select generate_series(1, 5) union all select generate_series(${at + 1}00, ${at + 1}99)) s (n) order by ${at % 2 === 0 ? 'n' : '-n'}`,
    );
  const dead = await until(
    async () => {
      await merged.settle();
      const all = await merged.dead();
      return all.length === 5 * 5 && all;
    },
    { what: 'all conflicts', timeoutMs: 60_000 },
  );
  expect(await central.query('select count(*) as n from merged.orders where id < 10')).toEqual([{ n: 5 }]);
  for (const error of dead)
    expect(error).toMatch(/^Shard s\d has a row with id = \d+ in s\*\.orders, and in merged/);
  for (const shard of SHARDS) await central.query(`delete from ${shard}.orders`);
  await merged.settle();
  expect(await central.query('select count(*) as n from merged.orders')).toEqual([{ n: 0 }]);
});
