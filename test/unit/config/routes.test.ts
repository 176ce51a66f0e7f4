import { describe, expect, test } from 'vitest';
import { feedsOf, notInstalled } from '../../../src/config/feeds.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const file = (queues: string, routes = ''): string =>
  `central: postgresql://c/central\nshards: [postgresql://s/one]\n${routes}queues:\n${queues}`;

const URGENT = `  urgent: { workers: none, from: orders, where: "ev_type = 'urgent'" }\n`;
const BOTH = `${URGENT}  orders: { workers: none, from: [orders, orders_bulk] }\n`;

describe('routes', () => {
  test('a source queue feeds several central queues in the order of the file, where routes say how', () => {
    const config = givenConfig(file(BOTH, 'routes: { orders: first }\n'));
    expect(config.routes).toEqual({ orders: 'first' });
    expect(feedsOf(config).map(({ queue, mode, to }) => [queue, mode, to.map(({ name }) => name)])).toEqual([
      ['orders', 'first', ['urgent', 'orders']],
      ['orders_bulk', undefined, ['orders']],
    ]);
    expect(givenConfig(file(BOTH, 'routes: all\n')).routes).toEqual({ orders: 'all' });
    expect(givenConfig(file(URGENT, 'routes: all\n')).routes).toBeUndefined();
  });

  test('what is unclear, or could never come anywhere, is a mistake', () => {
    expect(mistakesIn(file(BOTH))).toEqual([
      expect.stringMatching(
        /^5:35 The source queue `orders` feeds `orders` here and `urgent` in line 4: take it out of one, or say .*`routes: \{ orders: first \}`/,
      ),
    ]);
    expect(mistakesIn(file(BOTH, 'routes: { order: all }\n'))).toEqual([
      '3:18 `routes.order` names no source queue of the file: did you mean `orders`?',
      expect.stringMatching(/^6:35 The source queue `orders` feeds/),
    ]);
    expect(mistakesIn(file(BOTH, 'routes: some\n'))).toEqual([
      '3:9 `routes` must be `first` or `all`, not `some`.',
    ]);
    const behind = '  audit: { workers: none, from: orders }\n';
    expect(mistakesIn(file(`${BOTH}${behind}`, 'routes: first\n'))).toEqual([
      '7:33 No event of the source queue `orders` comes to `audit`: `orders` in line 6 takes all of them, since it has no `where` and goes first. Put it last, give it a `where`, or say `routes: { orders: all }`.',
    ]);
    expect(mistakesIn(file(`${BOTH}${behind}`, 'routes: all\n'))).toEqual([]);
  });

  test('a source may lead only where install has led it', () => {
    const stored = { centralQueue: 'urgent', routes: ['urgent', 'orders'] };
    expect(notInstalled(['orders'], stored)).toEqual([]);
    expect(notInstalled(['orders', 'audit'], stored)).toEqual(['audit']);
    expect(notInstalled(['orders'], { centralQueue: 'emails' })).toEqual(['orders']);
  });
});
