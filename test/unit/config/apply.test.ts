// `apply:` of a queue: tables that changes are applied to, and what is a mistake.
import { expect, test } from 'vitest';
import { workedIn } from '../../../src/config/worked.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const file = (changes: string) =>
  `central: postgresql://db/central\nshards: [postgresql://db/app]\nqueues: { changes: { ${changes} } }\n`;
const mistakes = (changes: string) => mistakesIn(file(changes)).map((line) => line.replace(/^\S+ /, ''));

test('a queue that applies needs no handler, has one worker, and may name several tables', () => {
  const config = givenConfig(
    file(
      'apply: [{ table: orders, key: [shard, id] }, { table: merged.items, source: public.items_*, key: id, shard: origin_shard, on_conflict: newest, time: changed, ignore: [note] }]',
    ),
  );
  expect(config.queues[0]?.apply).toEqual([
    {
      ...{ table: 'public.orders', source: 'public.orders', key: ['shard', 'id'] },
      ...{ shard: 'shard', onConflict: 'error', ignore: [] },
    },
    {
      ...{ table: 'merged.items', source: 'public.items_*', key: ['id'], shard: 'origin_shard' },
      ...{ onConflict: 'newest', time: 'changed', ignore: ['note'] },
    },
  ]);
  expect(workedIn(config)).toMatchObject([{ name: 'changes', workers: 1, apply: [{}, {}] }]);
  expect(workedIn(config)[0]).not.toHaveProperty('handler');
});

test.each([
  ['orders', 'public.orders'],
  ['Order "Items"', 'public.Order "Items"'],
  ['shop.orders', 'shop.orders'],
  ['public."odd.name"', 'public.odd.name'],
  ['"Shop"."a ""b"".c"', 'Shop.a "b".c'],
])('the name %s is table %s', (name, table) => {
  const [queue] = givenConfig(file(`apply: { table: '${name}', key: [shard, id] }`)).queues;
  expect(queue?.apply).toMatchObject([{ table, source: table }]);
});

test('with lanes several workers apply, the changes of each shard in one lane', () => {
  const config = givenConfig(
    file('workers: 4, lanes: 8, origin: extra2, apply: { table: orders, key: [shard, id] }'),
  );
  expect(workedIn(config)).toMatchObject([
    { workers: 4, lanes: { count: 8, key: "split_part(ev_extra2, ':', 1)" }, apply: [{}] },
  ]);
});

test.each([
  ['apply: { table: orders }', /^`key` is missing in `queues\.changes\.apply`: add its key, such as/],
  ['apply: { key: id }', /^`table` is missing in `queues\.changes\.apply`/],
  ['apply: []', /^`queues\.changes\.apply` names no table: add one, such as/],
  [
    'apply: { table: a.b.c, key: id }',
    /must be a schema and a table, such as `public\.orders` or `public\."odd\.name"`, not `a\.b\.c`\.$/,
  ],
  ['apply: { table: orders, key: [id, id] }', /repeats `id`: keep it once\.$/],
  ['apply: { table: orders, key: shard }', /^The key is the shard alone/],
  ['apply: { table: orders, keys: [id] }', /did you mean `key`\?/],
  [
    'apply: { table: orders, key: [shard, id], on_conflict: error }',
    /says nothing: with `shard` in the key no two shards have rows of one key\./,
  ],
  [
    'apply: { table: orders, key: id, on_conflict: last }',
    /must be `error`, `newest` or `shard_wins`, not `last`/,
  ],
  ['apply: { table: orders, key: id, on_conflict: newest }', /say by `time: COLUMN` which column/],
  ['apply: { table: orders, key: id, time: changed }', /is for `on_conflict: newest` alone: take it out\.$/],
  [
    'apply: [{ table: orders, key: id }, { table: b, source: orders, key: id }]',
    /applies the changes of public\.orders twice/,
  ],
  [
    'workers: 4, apply: { table: orders, key: id }',
    /applies changes to tables, by one worker, which keeps them in their order: say `workers: 1`, or in how many lanes/,
  ],
  ['workers: 4, lanes: 2, apply: { table: orders, key: id }', /wants 4 workers and has 2 lanes/],
  [
    'lanes: 2, on_failure: pause, apply: { table: orders, key: id }',
    /`queues\.changes\.on_failure` stands beside `apply`/,
  ],
  [
    'handler: ./a.js, apply: { table: orders, key: id }',
    /stands beside `apply`, which is a handler already: take one of the two out\.$/,
  ],
  ['unique: { key: ev_extra1, for: 1h }, apply: { table: orders, key: id }', /stands beside `apply`/],
  ['deliver_at: ev_time, apply: { table: orders, key: id }', /stands beside `apply`/],
  ['groups: { a: { handler: ./a.js } }, apply: { table: orders, key: id }', /stands beside `apply`/],
  ['origin: none, apply: { table: orders, key: id }', /learns the shard of a change from its origin/],
])('%s is a mistake', (changes, sentence) => {
  const found = mistakes(changes);
  expect(found.filter((line) => sentence.test(line))).toHaveLength(1);
});
