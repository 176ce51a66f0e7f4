import { describe, expect, test } from 'vitest';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const file = (capture: string, queue = 'orders: { workers: none, from: order_out }'): string =>
  `name: shop\ncentral: postgresql://c/central\nshards: [postgresql://s/one]\nqueues: { ${queue} }\ncapture:\n  ${capture}\n`;

const tablesOf = (tables: string) =>
  givenConfig(file(`orders: { tables: ${tables}, queue: order_out }`)).captures?.[0]?.tables;

describe('capture', () => {
  test('has defaults for everything but tables and queue, and a file without it has none', () => {
    expect(givenConfig(file('orders: { tables: public.orders, queue: order_out }')).captures).toEqual([
      {
        name: 'orders',
        tables: [
          {
            text: 'public.orders',
            schema: '^public$',
            table: '^orders$',
            isPattern: false,
            isExcluded: false,
          },
        ],
        queue: 'order_out',
        old: false,
        transactionId: false,
      },
    ]);
    expect(givenConfig(file('').replace('capture:\n', '')).captures).toBeUndefined();
  });

  test('names may be patterns, are quoted where they have a dot or a star of their own, and `!` leaves out', () => {
    const found = tablesOf(`['shop_?."odd.na*me"', '*.order_*', '!*."a""b"', Public.Ord-ers]`);
    expect(found?.map((one) => [one.schema, one.table, one.isPattern, one.isExcluded])).toEqual([
      ['^shop_.$', '^odd\\.na\\*me$', true, false],
      ['^.*$', '^order_.*$', true, false],
      ['^.*$', '^a\\"b$', true, true],
      ['^Public$', '^Ord\\-ers$', false, false],
    ]);
  });

  test('transaction ids go into the queues that its source queue feeds', () => {
    const { queues } = givenConfig(
      file(
        'orders: { tables: public.orders, queue: order_out, transaction_id: true }',
        'orders: { workers: none, from: [order_out, order_bulk] }, emails: { workers: none }',
      ),
    );
    expect(queues.map(({ hasTransactionIds }) => hasTransactionIds)).toEqual([true, undefined]);
  });

  test('says what is wrong, and what would be right', () => {
    const mistakes = (capture: string, queue?: string) =>
      mistakesIn(file(capture, queue)).map((one) => one.replace(/^\d+:\d+ /, ''));
    expect(mistakes('orders: { queue: order_uot }')).toEqual([
      expect.stringContaining('`tables` is missing in `capture.orders`'),
      '`capture.orders.queue` names no source queue that a central queue is fed from: did you mean `order_out`?',
    ]);
    const rest = 'queue: order_out';
    for (const tables of ['orders', 'a.b.c', '"a.b', '"a"b.c', '.b', 'a.'])
      expect(mistakes(`orders: { tables: '${tables}', ${rest} }`)).toEqual([
        expect.stringContaining('must be a table with its schema such as `public.orders`'),
      ]);
    expect(mistakes(`orders: { tables: ['!a.b'], ${rest} }`)).toEqual([
      expect.stringContaining('only leaves tables out'),
    ]);
    expect(mistakes(`orders: { tables: [], ${rest} }`)).toEqual([expect.stringContaining('names no table')]);
    expect(mistakes(`orders: { tables: a.b, columns: [id], ignore: [x], ${rest} }`)).toEqual([
      expect.stringContaining('say the same in two ways'),
    ]);
    expect(mistakes(`orders: { tables: a.b, key: 'a,b', ${rest} }`)).toEqual([
      expect.stringContaining('has a comma'),
    ]);
    expect(mistakes(`orders: { tables: a.b, when: 'new.total > 0', ${rest} }`)).toEqual([
      expect.stringContaining('says `new`: write `row`'),
    ]);
    expect(mistakes(`orders: { tables: a.b, when: 'total > 0', ${rest} }`)).toEqual([
      expect.stringContaining('names no column'),
    ]);
    expect(mistakes(`orders: { tables: a.b, when: 'row.total > 0; drop table x', ${rest} }`)).toEqual([
      expect.stringContaining('has a semicolon'),
    ]);
    expect(mistakes(`${'o'.repeat(47)}: { tables: a.b, ${rest} }`)).toEqual([
      expect.stringContaining("at most 46 beside the installation's name"),
    ]);
    expect(
      mistakes(
        `orders: { tables: a.b, transaction_id: true, ${rest} }`,
        'orders: { workers: none, from: order_out, columns: { extra3: ev_type } }',
      ),
    ).toEqual([
      '`capture.orders.transaction_id` needs the column extra3, which `queues.orders` uses for an expression of its own: free it there.',
    ]);
  });
});
