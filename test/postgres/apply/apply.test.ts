// Captured changes, applied to tables of central by a worker: the events of real triggers on tables beside them.
import { describe, expect, test } from 'vitest';
import { givenMerged, QUEUE, rowsOf } from '../../support/apply/merged.ts';
import { randomFrom } from '../../support/random.ts';

/** Everything that a value can be; `id` stays behind the last one that a number of ours can hold. */
const COLUMNS = `
  id bigint, no bigint generated always as identity, price numeric(14, 4), at timestamptz(3), day date, wait interval,
  tags text[], numbers int[], doc jsonb, raw json, bytes bytea, mood mood, rating rating, "Order ""x""" text, code varchar(5),
  fixed char(4), ratio float8, ok boolean, uid uuid, doubled numeric generated always as (price * 2) stored, span int4range`;

describe('apply', () => {
  test('random inserts, updates, deletes and truncates of two shards, of every type and in both formats, come to equal rows', {
    timeout: 120_000,
  }, async () => {
    const random = randomFrom();
    const whole = (min: number, max: number) => min + random.below(max - min + 1);
    const merged = await givenMerged(COLUMNS);
    const { central } = merged;
    await merged.capture('s1');
    await merged.capture('s2', { trigger: 'logutriga' });
    merged.work();
    const id = () => `9007199254740993 + ${whole(1, 40)}`;
    const values = () => {
      const n = whole(1, 1_000_000);
      return `${n}::numeric / 7, timestamptz '2026-03-01 12:00:00.1239+02' + ${n} * interval '1.001 s', date '2026-01-01' + ${n % 900},
        ${n} * interval '1 min', case when ${n} % 5 > 0 then array['a,b', 'c"d', null, '\\{e} ${n}'] end, array[${n}, null, 3],
        jsonb_build_object('n', ${n}, 'text', E'quote " and \\\\ and \\n'), '{"b":  1, "a": [${n}]}', decode(md5('${n}'), 'hex'),
        (enum_range(null::mood))[1 + ${n} % 3], 1 + ${n} % 5, case when ${n} % 3 > 0 then E'x=1&y +%\\t ${n} é' end, left('${n}', 5), 'ab',
        ${n} / 3.0, ${n} % 2 = 0, md5('${n}')::uuid, int4range(1, ${n} + 1)`;
    };
    const NAMES =
      'price, at, day, wait, tags, numbers, doc, raw, bytes, mood, rating, "Order ""x""", code, fixed, ratio, ok, uid, span';
    for (let round = 0; round < 6; round += 1) {
      for (let n = 0; n < 60; n += 1) {
        const shard = random.pick(['s1', 's2']);
        const what = whole(1, 100);
        if (what < 45)
          await central.query(
            `insert into ${shard}.orders (id, ${NAMES}) values (${id()}, ${values()}) on conflict do nothing`,
          );
        else if (what < 80)
          await central.query(`update ${shard}.orders set (${NAMES}) = row (${values()}) where id = ${id()}`);
        else if (what < 98) await central.query(`delete from ${shard}.orders where id = ${id()}`);
        else {
          await central.query(`truncate ${shard}.orders`);
          await central.query("select pgq.insert_event($1, 'R', '', $2, null, null, $3)", [
            ...[QUEUE, `${shard}.orders`, `${shard}:${QUEUE}:1`],
          ]);
        }
      }
      await merged.settle();
      expect(await merged.dead()).toEqual([]);
      for (const shard of ['s1', 's2'])
        expect(await rowsOf(central, 'merged.orders', `shard = '${shard}'`), `seed ${random.seed}`).toEqual(
          await rowsOf(central, `${shard}.orders`),
        );
    }
  });

  test('a row that changes its key leaves its old place where the trigger keeps the row before', async () => {
    const merged = await givenMerged('id int, serial int, note text');
    const { central } = merged;
    await merged.capture('s1', { args: ['backup', 'pkey=serial'] });
    merged.work();
    await central.query("insert into s1.orders values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')");
    await merged.settle();
    await central.query('update s1.orders set id = 10 where id = 1');
    await central.query("insert into s1.orders values (1, 4, 'anew')");
    await central.query('update s1.orders set id = id + 100 where id in (2, 3)');
    await merged.settle();
    expect(await rowsOf(central, 'merged.orders')).toEqual(await rowsOf(central, 's1.orders'));
    expect(await merged.dead()).toEqual([]);
  });

  test('one key in several spellings is one key', async () => {
    const merged = await givenMerged('id timestamptz, n int');
    const { central } = merged;
    await merged.capture('s1', { trigger: 'logutriga' });
    merged.work();
    await central.query(
      `begin; set local timezone = 'Asia/Tokyo'; insert into s1.orders values ('2026-03-01 12:00Z', 1), ('2026-03-02 12:00Z', 1); commit`,
    );
    await central.query(
      `begin; set local timezone = 'America/Lima'; update s1.orders set n = 2; delete from s1.orders where id = '2026-03-01 12:00Z'; commit`,
    );
    await merged.settle();
    expect(await rowsOf(central, 'merged.orders')).toEqual(await rowsOf(central, 's1.orders'));
    expect(await merged.dead()).toEqual([]);
  });

  test('columns that the shards have lost keep what they have, new ones are named, and go through once central has them', async () => {
    const merged = await givenMerged('id int, note text, extra text');
    const { central } = merged;
    await merged.capture('s1');
    merged.work();
    await central.query("insert into s1.orders values (1, 'a', 'x'), (2, 'b', 'y')");
    await central.query('alter table s1.orders drop column extra');
    await central.query("update s1.orders set note = 'c' where id = 1");
    await merged.settle();
    expect(await central.query('select id, note, extra from merged.orders order by id')).toEqual([
      { id: 1, note: 'c', extra: 'x' },
      { id: 2, note: 'b', extra: 'y' },
    ]);
    await central.query('alter table s1.orders add column colour text');
    await central.query("update s1.orders set colour = 'red' where id = 2");
    await merged.settle();
    const sentence =
      'Shard s1 has a column colour in s*.orders that table merged.orders of central does not have. Run `alter table "merged"."orders" add column …` on central, or leave it out by `ignore: [colour]` of `apply`.';
    expect(await merged.dead()).toEqual([sentence]);
    await central.query('alter table merged.orders add column colour text');
    // A later change of the same key, applied before the dead one comes again: it stays.
    await central.query("update s1.orders set colour = 'green' where id = 2");
    await central.query("update s1.orders set colour = 'blue' where id = 1");
    await merged.settle();
    await merged.retry();
    await merged.settle();
    expect(await central.query('select id, note, colour from merged.orders order by id')).toEqual([
      { id: 1, note: 'c', colour: 'blue' },
      { id: 2, note: 'b', colour: 'green' },
    ]);
    expect(await merged.dead()).toEqual([sentence]);
  });

  test('of two shards with one key the second one is refused, the newest wins, or the last one, as the file says', async () => {
    const merged = await givenMerged('id int, note text, changed timestamptz', 'id');
    const { central } = merged;
    for (const shard of ['s1', 's2']) await merged.capture(shard);
    const both = async (first: string, second: string) => {
      await central.query(`insert into s1.orders values (1, 'one', '${first}')`);
      await central.query(`insert into s2.orders values (1, 'two', '${second}'), (2, 'own', '${second}')`);
    };
    const rows = () => central.query('select id, shard, note from merged.orders order by id');
    const clear = async () => {
      await central.query('delete from s1.orders; delete from s2.orders');
    };
    const refusing = merged.work({ key: ['id'] });
    await both('2026-01-01', '2026-01-02');
    await merged.settle();
    expect(await rows()).toEqual([
      { id: 1, shard: 's1', note: 'one' },
      { id: 2, shard: 's2', note: 'own' },
    ]);
    expect(await merged.dead()).toEqual([
      'Shard s2 has a row with id = 1 in s*.orders, and in merged.orders of central shard s1 has one. Make the key unique over all shards, take the shard into it (`key: [shard, id]`), or say by `on_conflict` which of them wins.',
    ]);
    // What s2 deletes is not the row of s1.
    await central.query('delete from s2.orders');
    await merged.settle();
    expect(await rows()).toEqual([{ id: 1, shard: 's1', note: 'one' }]);
    await clear();
    await merged.settle();
    await refusing.stop();

    const newest = merged.work({ key: ['id'], onConflict: 'newest', time: 'changed' });
    await both('2026-01-02', '2026-01-01');
    await merged.settle();
    expect((await rows())[0]).toEqual({ id: 1, shard: 's1', note: 'one' });
    await central.query("update s2.orders set changed = '2026-01-03'");
    await merged.settle();
    expect((await rows())[0]).toEqual({ id: 1, shard: 's2', note: 'two' });
    await clear();
    await merged.settle();
    expect(await rows()).toEqual([]);
    await newest.stop();

    merged.work({ key: ['id'], onConflict: 'shard_wins' });
    await both('2026-01-02', '2026-01-01');
    await merged.settle();
    expect((await rows())[0]).toEqual({ id: 1, shard: 's2', note: 'two' });
  });

  test.each([
    [
      { table: 'merged.nothing' },
      /^Central has no table merged\.nothing, which changes are to be applied to\./,
    ],
    [
      { shard: 'origin_shard', key: ['origin_shard', 'id'] },
      /has no column origin_shard\. Run `alter table .* add column "origin_shard" text`/,
    ],
    [
      { key: ['id'] },
      /has no primary key or unique index on just id\. Run `alter table "merged"\."orders" add primary key \("id"\)`/,
    ],
    [
      { source: 'other.orders' },
      /is a change of s1\.orders, which no `apply` of the queue names as its source\./,
    ],
  ])('%j is named', async (applied, sentence) => {
    const merged = await givenMerged('id int, note text');
    await merged.capture('s1');
    merged.work(applied);
    await merged.central.query("insert into s1.orders values (1, 'a')");
    await merged.settle();
    const [dead = ''] = await merged.dead();
    expect(dead).toMatch(sentence);
  });
});
