// What the producer writes, by which statements, and what it says where a database does not take it.
import { beforeAll, describe, expect, test } from 'vitest';
import { createProducer, type ProducedEvent } from '../../../src/producer.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { givenDatabase, provider, type TestDatabase } from '../../support/server/database.ts';
import { givenPgque } from '../../support/server/pgque.ts';

let shard: TestDatabase;
beforeAll(async () => {
  shard = await givenDatabase();
  await givenQueue(shard, 'orders');
});

/** A transaction over a client of pg, with the texts that went over it. */
async function inTransaction<T>(
  database: TestDatabase,
  work: (client: object, texts: string[]) => Promise<T>,
): Promise<T> {
  const { client } = await database.connect();
  const texts: string[] = [];
  const watched = {
    connectionParameters: { host: client.host, port: client.port, database: client.database },
    query: (text: string, values?: unknown[]) => {
      texts.push(text);
      return client.query(text, values);
    },
  };
  await client.query('begin');
  try {
    return await work(watched, texts);
  } finally {
    await client.query('commit');
  }
}

describe('producer', () => {
  test('key, time, unique text and trace go into the columns of the options, and read there as the file reads them', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const producer = createProducer({ columns: { traceparent: 'extra4' }, traceparent: () => traceparent });
    const at = new Date('2031-02-03T04:05:06.789Z');
    const before = Date.now();
    await inTransaction(shard, async (tx) => {
      await producer.send(tx, 'orders', { type: 'columns', data: [1], key: 7n, at, unique: 'only once' });
      await producer.send(tx, 'orders', { type: 'columns', after: '1h30m' });
    });
    // The expressions of docs/producing.md.
    const [first, second] = await shard.query<{ readonly due: Date }>(
      `select ev_data as data, ev_extra1 as key, ev_extra2::timestamptz as due, ev_extra3 as only, ev_extra4 as trace
         from pgq.event_1 where ev_type = 'columns' order by ev_id`,
    );
    expect(first).toEqual({ data: '[1]', key: '7', due: at, only: 'only once', trace: traceparent });
    const waits = (second?.due.getTime() ?? 0) - before;
    expect(waits).toBeGreaterThanOrEqual(90 * 60_000);
    expect(waits).toBeLessThan(95 * 60_000);
  });

  test('each send is one statement; many events go by the bulk insert once a bulk has told that there is one', async () => {
    const producer = createProducer();
    const events = (n: number): ProducedEvent[] =>
      Array.from({ length: n }, (_, at) => ({ type: 'bulk', data: { at } }));
    const first = await inTransaction(shard, async (tx, texts) => {
      await producer.send(tx, 'orders', events(2));
      return texts;
    });
    const second = await inTransaction(shard, async (tx, texts) => {
      await producer.send(tx, 'orders', events(2));
      await producer.send(tx, 'orders', events(1)[0] as ProducedEvent);
      return texts;
    });
    const isBulk = (text: string) => text.includes('pgq.insert_events_ids(q.queue_name');
    expect(first.map(isBulk)).toEqual([false]);
    expect(second.map(isBulk)).toEqual([provider() === 'engine', false]);
  });

  test('a database whose engine was taken away is asked anew after the error', async () => {
    if (provider() !== 'engine') return;
    const other = await givenDatabase();
    await givenQueue(other, 'orders');
    const producer = createProducer();
    const two = [{ type: 'a' }, { type: 'b' }];
    await inTransaction(other, (tx) => producer.send(tx, 'orders', two));
    await other.query(
      'drop function pgq.insert_events_ids(text, text[], text[], text[], text[], text[], text[])',
    );
    await expect(inTransaction(other, (tx) => producer.send(tx, 'orders', two))).rejects.toMatchObject({
      code: 'producer-pgq',
    });
    expect(await inTransaction(other, (tx) => producer.send(tx, 'orders', two))).toHaveLength(2);
  });

  test('a database without PgQ, a closed queue and a reading transaction are sentences', async () => {
    const producer = createProducer();
    const without = await givenDatabase({ pgq: false });
    await expect(inTransaction(without, (tx) => producer.send(tx, 'orders', {}))).rejects.toThrow(
      'This database has no PgQ in schema `pgq`. `tributary install` puts it on every shard',
    );
    await givenQueue(shard, 'closed');
    await shard.query("update pgq.queue set queue_disable_insert = true where queue_name = 'closed'");
    await expect(inTransaction(shard, (tx) => producer.send(tx, 'closed', {}))).rejects.toThrow(
      'Queue `closed` takes no events now',
    );
    const reading = shard.connect().then(async ({ client }) => {
      await client.query('begin read only');
      return await producer.send(client, 'orders', {}).finally(() => client.query('rollback'));
    });
    await expect(reading).rejects.toThrow('in a transaction that is read-only, or on a standby');
  });

  test('what else the database says comes with its own code, for callers that try again by it', async () => {
    const producer = createProducer();
    const client = {
      async query() {
        throw Object.assign(new Error('could not serialize access'), { code: '40001' });
      },
    };
    await expect(producer.send(client, 'orders', {})).rejects.toMatchObject({
      code: '40001',
      message: 'could not serialize access',
    });
  });

  test('a PgQ in schema pgque', async () => {
    const pgque = await givenPgque();
    await pgque.query("select pgque.create_queue('orders')");
    const producer = createProducer({ schema: 'pgque' });
    const ids = await inTransaction(pgque, async (tx) => [
      await producer.send(tx, 'orders', { type: 'one' }),
      ...(await producer.send(tx, 'orders', [{ type: 'two' }, { type: 'three' }])),
    ]);
    expect(ids).toEqual(['1', '2', '3']);
    await expect(inTransaction(pgque, (tx) => producer.send(tx, 'ordesr', {}))).rejects.toThrow(
      'Did you mean `orders`?',
    );
  });
});
