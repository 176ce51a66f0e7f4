// The part of the address behind `#`.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashOf, routeOf } from '../../../src/page/url/route.ts';

describe('the address', () => {
  test.each([
    ['', { page: 'overview', names: [], options: {} }],
    ['#/', { page: 'overview', names: [], options: {} }],
    ['#/queue/orders?span=24h', { page: 'queue', names: ['orders'], options: { span: '24h' } }],
    ['#/source/db03%2Fold/email_out', { page: 'source', names: ['db03/old', 'email_out'], options: {} }],
    ['#/dead?queue=orders', { page: 'dead', names: [], options: { queue: 'orders' } }],
  ])('%s is understood', (hash, route) => expect(routeOf(hash)).toEqual(route));

  test.each(['#/nowhere', '#/queue', '#/source/one', '#/source/%E0%A4%A/x', '#/log/more', '#main'])(
    '%s leads to the overview',
    (hash) => expect(routeOf(hash)).toEqual({ page: 'overview', names: [], options: {} }),
  );

  test('what is empty is left out', () => {
    expect(hashOf({ page: 'queue', names: ['orders'], options: { span: '' } })).toBe('#/queue/orders');
    expect(hashOf({ page: 'overview' })).toBe('#/');
  });

  test('whatever a shard and a queue are called, the address leads back to them', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(name, name, name, (shard, queue, origin) => {
        const route = { page: 'source' as const, names: [shard, queue], options: { origin } };
        expect(routeOf(hashOf(route))).toEqual(route);
      }),
    );
  });
});
