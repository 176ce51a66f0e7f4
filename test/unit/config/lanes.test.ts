// `key`, `lanes` and `on_failure` of a queue: what its workers get of them, and what is a mistake.
import { expect, test } from 'vitest';
import { workedIn } from '../../../src/config/worked.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const file = (queues: string) =>
  `central: postgresql://db/central\nshards: [postgresql://db/app]\nqueues: { ${queues} }\n`;

test('what is worked has the lanes of its queue, each of its groups as well', () => {
  const config = givenConfig(
    file(
      'orders: { handler: ./a.js, key: ev_extra1, lanes: 8, workers: 8, fair: true, limits: { per_key: 30/m, at_once: 2 } }, mails: { key: "ev_data::json ->> \'to\'", lanes: 2, on_failure: pause, handler: ./b.js, groups: { one: {}, two: {} } }, plain: { handler: ./a.js, workers: 9 }',
    ),
  );
  const pausing = { key: "ev_data::json ->> 'to'", count: 2, pauses: true };
  expect(workedIn(config).map(({ name, lanes }) => [name, lanes])).toEqual([
    ['orders', { key: 'ev_extra1', count: 8, isFair: true, perKeyPerSecond: 0.5, atOnce: 2 }],
    ['mails/one', pausing],
    ['mails/two', pausing],
    ['plain', undefined],
  ]);
});

test.each([
  [
    'orders: { key: ev_extra1 }',
    /`queues\.orders\.key` says which events .*, and nothing says in how many lanes: add `lanes: 8`/,
  ],
  ['orders: { lanes: 8 }', /`queues\.orders\.lanes` needs a `key` beside it, such as `key: ev_extra1`/],
  ['orders: { key: ev_extra1, lanes: 65 }', /`queues\.orders\.lanes` must be a whole number from 1 to 64/],
  ['orders: { key: "f(", lanes: 2 }', /`queues\.orders\.key` does not close a bracket/],
  [
    'orders: { key: lower(EV_EXTRA4), lanes: 2 }',
    /`queues\.orders\.key` is about `ev_extra4`, which holds the origin/,
  ],
  [
    'orders: { key: ev_extra1, lanes: 2, workers: 3, handler: ./a.js }',
    /`queues\.orders` wants 3 workers and has 2 lanes, .*: say at most 2, or more `lanes`/,
  ],
  [
    'orders: { key: ev_extra1, lanes: 1, handler: ./a.js, groups: { big: { workers: 2 } } }',
    /Group big of `queues\.orders` wants 2 workers and has 1 lane/,
  ],
  ['orders: { key: ev_extra1, lanes: 2, workers: none }', /has lanes and nobody who works them/],
  [
    'orders: { key: ev_extra1, lanes: 2, apply: { table: orders, key: [shard, id] } }',
    /`queues\.orders\.key` stands beside `apply`, which keeps the changes of each shard in their order: take it out; `lanes` alone/,
  ],
  ['orders: { on_failure: pause }', /`queues\.orders\.on_failure` is about events with the same key/],
  [
    'orders: { fair: true }',
    /`queues\.orders\.fair` is about events with the same key: say `key` and `lanes`/,
  ],
  [
    'orders: { limits: { per_key: 10/s } }',
    /`queues\.orders\.limits` is about events with the same key: say `key` and `lanes`/,
  ],
  [
    'orders: { key: ev_extra1, lanes: 2, limits: 10/s }',
    /`queues\.orders\.limits` must be a map such as `{ per_key: 10\/s, at_once: 2 }`/,
  ],
  [
    'orders: { key: ev_extra1, lanes: 2, limits: { per_key: fast } }',
    /`queues\.orders\.limits\.per_key` must be a rate above 0 such as `50\/s`/,
  ],
  [
    'orders: { key: ev_extra1, lanes: 2, limits: { at_once: 0 } }',
    /`queues\.orders\.limits\.at_once` must be a whole number from 1 to 1000/,
  ],
  [
    'orders: { key: ev_extra1, lanes: 2, on_failure: stop }',
    /`queues\.orders\.on_failure` must be `skip` or `pause`/,
  ],
])('%s is a mistake', (queues, sentence) => {
  expect(mistakesIn(file(queues))).toEqual([expect.stringMatching(sentence)]);
});
