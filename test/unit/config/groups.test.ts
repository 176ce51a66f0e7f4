// `groups:` of a queue: what each has from its queue, how it is called, and what is a mistake.
import { expect, test } from 'vitest';
import { figuredNames, queueOf, workedIn } from '../../../src/config/worked.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const file = (queues: string) =>
  `central: postgresql://db/central\nshards: [postgresql://db/app]\nqueues: { ${queues} }\n`;

test('a group has what its queue says where it says nothing, and the name of both', () => {
  const config = givenConfig(
    file(
      'orders: { handler: ./a.js, retry: { attempts: 3 }, rate: 10/s, dead: 1d, groups: { billing: { workers: 4, timeout: 1m }, search: { handler: ./b.js, rate: 5/s, retry: { first: 1s }, dead: 2d, start: 2026-03-01T08:00:00+02:00 } } }, emails: { handler: ./a.js }',
    ),
  );
  expect(workedIn(config)).toMatchObject([
    {
      name: 'orders/billing',
      queue: 'orders',
      group: 'billing',
      workers: 4,
      timeoutMs: 60_000,
      ratePerSecond: 10,
    },
    {
      name: 'orders/search',
      queue: 'orders',
      group: 'search',
      workers: 1,
      timeoutMs: 300_000,
      ratePerSecond: 5,
    },
    { name: 'emails', queue: 'emails', workers: 1 },
  ]);
  const [billing, search] = workedIn(config);
  expect(billing).toMatchObject({ retry: { attempts: 3 }, deadMs: 86_400_000 });
  expect(search).toMatchObject({
    ...{ retry: { attempts: 20, firstMs: 1_000 }, deadMs: 2 * 86_400_000 },
    start: { at: 'time', time: '2026-03-01T06:00:00.000Z' },
  });
  expect(billing?.handler).toMatch(/\/a\.js$/);
  expect(search?.handler).toMatch(/\/b\.js$/);
  // None is without a name: what reads the queue alone takes it for one that is only filled.
  expect(config.queues[0]).toMatchObject({ name: 'orders', workers: 'none' });
  expect(figuredNames(config)).toEqual(['orders', 'orders/billing', 'orders/search', 'emails']);
  expect(queueOf(config, 'orders/search')?.name).toBe('orders');
  expect(queueOf(config, 'orders/other')).toBeUndefined();
});

test.each([
  ['orders: { groups: {} }', /`queues\.orders\.groups` names no group: add one/],
  [
    'orders: { groups: { a/b: {} } }',
    /A group's name is of letters, digits, `_` and `-`, at most 40, not `a\/b`/,
  ],
  [
    'orders: { groups: { a: {} } }, orders/a: {}',
    /There is a queue `orders\/a`, and the group a of orders would have the same name/,
  ],
  [
    'orders: { adopt: old, groups: { a: {} } }',
    /has groups: say `adopt` of the one that takes the consumer's place/,
  ],
  ['orders: { groups: { a: { workers: none } } }', /is a group without workers: say `workers: 0` to park it/],
  [
    'orders: { groups: { a: { workers: 2 } } }',
    /`queues\.orders\.groups\.a` wants workers and has no handler/,
  ],
  [
    'orders: { groups: { a: { start: yesterday } } }',
    /`queues\.orders\.groups\.a\.start` must be `now`, `oldest`, or a time with its zone/,
  ],
  [
    'orders: { groups: { a: { start: 2026-03-01T08:00 } } }',
    /must be `now`, `oldest`, or a time with its zone/,
  ],
  ['orders: { groups: { a: { where: x } } }', /Unknown key `where` in `queues\.orders\.groups\.a`/],
])('%s is a mistake', (queues, sentence) => {
  expect(mistakesIn(file(queues))).toEqual([expect.stringMatching(sentence)]);
});
