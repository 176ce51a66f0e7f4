// The producer in transactions of each library that it names: one event, many at once, a rollback, and what is refused.
import { beforeAll, describe, expect, test } from 'vitest';
import { createProducer } from '../../../src/producer.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenRole, type TestRole } from '../../support/server/roles.ts';
import { LIBRARIES } from './libraries.ts';

interface Stored {
  readonly id: string;
  readonly type: string | null;
  readonly data: string | null;
  readonly key: string | null;
}

let shard: TestDatabase;
let stranger: TestRole;

beforeAll(async () => {
  shard = await givenDatabase();
  await givenQueue(shard, 'orders');
  stranger = await givenRole([shard]);
});

const stored = (type: string) =>
  shard.query<Stored>(
    `select ev_id::text as id, ev_type as type, ev_data as data, ev_extra1 as key from pgq.event_1 where ev_type = $1 order by ev_id`,
    [type],
  );

describe.each(Object.entries(LIBRARIES))('in a transaction of %s', (name, open) => {
  const producer = createProducer<{ orders: unknown; order: unknown }>();
  const odd = `it's "${'$1'}" \\ ? {x} :a €`;

  test('events exist if and only if it commits, and ids come back in the order of the events', async () => {
    const library = open(shard.url);
    try {
      const rolledBack = library.transaction(async (tx) => {
        await producer.send(tx, 'orders', { type: name, data: 'never' });
        throw new Error('rolled back');
      });
      await expect(rolledBack).rejects.toThrow('rolled back');

      const ids: string[] = [];
      await library.transaction(async (tx) => {
        ids.push(await producer.send(tx, 'orders', { type: name, data: { n: 1, odd }, key: 7 }));
        ids.push(await producer.send(tx, 'orders', { type: name }));
        const many = [{ data: odd }, { data: { n: 3 } }, { data: null, key: 'k' }];
        ids.push(
          ...(await producer.send(
            tx,
            'orders',
            many.map((event) => ({ type: name, ...event })),
          )),
        );
      });
      // What the first bulk has told is used by the second, in another transaction.
      await library.transaction(async (tx) => {
        const many = Array.from({ length: 3_000 }, (_, n) => ({ type: name, data: String(n) }));
        ids.push(...(await producer.send(tx, 'orders', many)));
        expect(await producer.send(tx, 'orders', [])).toEqual([]);
      });

      const rows = await stored(name);
      expect(rows.map(({ id }) => id)).toEqual(ids);
      expect(rows.slice(0, 5).map(({ data, key }) => [data, key])).toEqual([
        [JSON.stringify({ n: 1, odd }), '7'],
        [null, null],
        [odd, null],
        ['{"n":3}', null],
        [null, 'k'],
      ]);
      expect(rows.slice(5).map(({ data }) => data)).toEqual(Array.from({ length: 3_000 }, (_, n) => `${n}`));
    } finally {
      await library.close();
    }
  });

  test('a queue that is not there is named with the nearest one, and the transaction goes on', async () => {
    const library = open(shard.url);
    try {
      await library.transaction(async (tx) => {
        const wrong = [{ type: 'x' }, { type: 'y' }];
        const sentence = 'This database has no queue `order`. Did you mean `orders`?';
        await expect(producer.send(tx, 'order', { type: 'x' })).rejects.toThrow(sentence);
        await expect(producer.send(tx, 'order', wrong)).rejects.toMatchObject({
          message: sentence,
          code: 'producer-queue',
        });
        await producer.send(tx, 'orders', { type: `${name}: after` });
      });
      expect(await stored(`${name}: after`)).toHaveLength(1);
    } finally {
      await library.close();
    }
  });

  test('what is no transaction of it is refused, and a role without the right is told so', async () => {
    const library = open(shard.url);
    const url = new URL(shard.url);
    url.username = stranger.name;
    url.password = stranger.password;
    const asStranger = open(url.href);
    try {
      await expect(producer.send(library.outside, 'orders', {})).rejects.toMatchObject({
        code: 'producer-transaction',
      });
      const sent = asStranger.transaction((tx) => producer.send(tx, 'orders', { type: 'stolen' }));
      await expect(sent).rejects.toMatchObject({
        code: 'producer-rights',
        message: 'This role may not put events into `orders`. As an administrator: `grant pgq_writer to …`.',
      });
      const aborted = asStranger.transaction(async (tx) => {
        await producer.send(tx, 'orders', {}).catch(() => {});
        await producer.send(tx, 'orders', [{}]);
      });
      await expect(aborted).rejects.toMatchObject({ code: 'producer-transaction' });
      expect(await stored('stolen')).toEqual([]);
    } finally {
      await library.close();
      await asStranger.close();
    }
  });
});
