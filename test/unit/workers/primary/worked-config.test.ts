// What a host works on where queues have groups: names, what wakes them, and what their workers are begun with.
import { expect, test } from 'vitest';
import { groupsOf } from '../../../../src/workers/primary/start-message.ts';
import { WorkedConfig } from '../../../../src/workers/primary/worked-config.ts';
import { givenConfig } from '../../../support/installation/config-file.ts';

const fileOf = (groups: string) =>
  givenConfig(
    `name: shop\ncentral: postgresql://db/central\nshards: [postgresql://db/app]\nqueues: { orders: { handler: ./a.js, groups: { ${groups} } }, emails: { handler: ./a.js } }\n`,
  );
const given = (queues?: readonly string[]) => {
  const config = fileOf('billing: { rate: 5/s }, search: {}');
  const log = { level: 'silent', isPretty: false };
  return new WorkedConfig({ config, host: 'h1', log, ...(queues !== undefined && { queues }) });
};

test('a tick of a queue is for the workers of all its groups, and each is begun as a member of its own', () => {
  const work = given();
  expect(work.namesOf('orders')).toEqual(['orders/billing', 'orders/search']);
  expect(work.namesOf('emails')).toEqual(['emails']);
  expect(work.startOf({ slot: 'orders/billing#2', queue: 'orders/billing' })).toMatchObject({
    ...{ queue: 'orders', group: 'workers_shop/billing', work: 'orders/billing', groupName: 'billing' },
    ...{ slot: 'orders/billing#2', ratePerSecond: 5 },
  });
  const plain = work.startOf({ slot: 'emails#1', queue: 'emails' });
  expect(plain).toMatchObject({ queue: 'emails', group: 'workers_shop' });
  expect(plain).not.toHaveProperty('work');
  expect(groupsOf(fileOf('a: {}'), work.queues)).toEqual([
    { group: 'workers_shop/billing', queues: ['orders'] },
    { group: 'workers_shop/search', queues: ['orders'] },
    { group: 'workers_shop', queues: ['emails'] },
  ]);
});

test('who works on a queue works on its groups, also on one that comes; who works on a group works on that alone', () => {
  const next = fileOf('billing: { rate: 9/s }, mail: {}');
  const [queue, group] = [given(['orders']), given(['orders/billing'])];
  expect(queue.names).toEqual(['orders/billing', 'orders/search']);
  expect(group.names).toEqual(['orders/billing']);
  expect(queue.apply(next)).toMatchObject({ anew: ['orders/billing'], gone: ['orders/search'] });
  expect(queue.names).toEqual(['orders/billing', 'orders/mail']);
  group.apply(next);
  expect(group.names).toEqual(['orders/billing']);
});
