import { beforeAll, describe, expect, test } from 'vitest';
import { coopFinishSql, coopRegister, type Querier } from '../../src/queue/coop.ts';
import { givenCentral } from '../support/server/central-schema.ts';
import type { TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import {
  coopAdopt,
  coopDropGroup,
  coopFinish,
  coopUnregister,
  drain,
  givenGroup,
  payloadsOf,
  produce,
  registerGroup,
  rowsOf,
  take,
  taken,
} from './coop.ts';
import { eventsOf, finish, givenQueue, nextBatch, rotate, scalar, tick } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  db = await givenCentral({ server: await givenServer() });
});

describe('contract/coop groups', () => {
  test('a missing queue or group is an error that says what to do', async () => {
    await givenQueue(db, 'known');
    await expect(take(db, { queue: 'unknown', group: 'g' }, 'a')).rejects.toMatchObject({
      code: '42704',
      message: 'Queue unknown does not exist: create it with `tributary install`, or with pgq.create_queue.',
    });
    await expect(take(db, { queue: 'known', group: 'g' }, 'a')).rejects.toMatchObject({
      code: '42704',
      message: expect.stringMatching(/^Queue known has no group g: `tributary install` registers it/),
    });
    await expect(coopRegister(db, { queue: 'known', group: 'g', member: 'a' })).rejects.toThrow(
      'Queue known has no group g: `tributary install` registers it',
    );
    await expect(coopRegister(db, { queue: 'unknown', group: 'g', member: 'a' })).rejects.toThrow(
      'does not exist',
    );
    await expect(coopRegister(db, { queue: 'known', group: 'g', member: '' })).rejects.toThrow('need names');
  });

  test('a member need not be registered before it asks', async () => {
    const group = await givenGroup(db, 'lazy', ['a']);
    await produce(db, group, ['1']);
    expect(await drain(db, group, 'newcomer')).toEqual(['1']);
    expect(await coopRegister(db, { ...group, member: 'newcomer' })).toBe(false);
  });

  test('the group begins at the newest tick and stays when its last member goes', async () => {
    await givenQueue(db, 'begins');
    const group = { queue: 'begins', group: 'g' };
    await produce(db, group, ['before']);
    await registerGroup(db, group);
    expect(await coopRegister(db, { ...group, member: 'a' })).toBe(true);
    await coopUnregister(db, { ...group, member: 'a' });
    await produce(db, group, ['1']);
    expect(await drain(db, group, 'b')).toEqual(['1']);
  });

  test('a position whose tick is gone is an error that says what to do', async () => {
    const group = await givenGroup(db, 'gone', ['a']);
    await produce(db, group, ['1']);
    await db.query(
      "delete from pgq.tick where tick_id = 1 and tick_queue = (select queue_id from pgq.queue where queue_name = 'gone')",
    );
    await expect(take(db, group, 'a')).rejects.toThrow(
      'Group g of queue gone stands at tick 1, which no longer exists: move it to one that does with pgq.register_consumer_at.',
    );
    await db.query("select pgq.register_consumer_at('gone', 'g', 2)");
    expect(await take(db, group, 'a')).toBeUndefined();
  });

  test('a plain consumer is adopted with its position and what it put off', async () => {
    await givenQueue(db, 'adopted', { consumers: ['old'] });
    await givenQueue(db, 'elsewhere', { consumers: ['old'] });
    const group = { queue: 'adopted', group: 'g' };
    await produce(db, group, ['1', '2']);
    const batch = await nextBatch(db, 'adopted', 'old');
    const [event] = await eventsOf(db, batch);
    await db.query('select pgq.event_retry($1, $2, 0)', [batch, event?.ev_id]);
    await expect(coopAdopt(db, { ...group, consumer: 'old' })).rejects.toThrow(
      `Consumer old of queue adopted has batch ${batch} open: stop its program, finish the batch, and adopt it then.`,
    );
    await finish(db, batch);
    await produce(db, group, ['3']);
    expect(await coopAdopt(db, { ...group, consumer: 'old' })).toBe(true);
    expect(await coopAdopt(db, { ...group, consumer: 'old' })).toBe(false);
    expect(await drain(db, group, 'a')).toEqual(['3']);
    await until(() => scalar(db, 'select pgq.maint_retry_events() > 0'), { what: 'the retry to be due' });
    await tick(db, 'adopted');
    expect(await drain(db, group, 'a')).toEqual(['1']);
    expect((await rowsOf(db, { queue: 'elsewhere', group: '' })).map((row) => row.consumer)).toEqual(['old']);
    await expect(nextBatch(db, 'adopted', 'old')).rejects.toThrow('Not subscriber');
  });

  test('a consumer adopted under its own name only gains members', async () => {
    await givenQueue(db, 'same', { consumers: ['own'] });
    const group = { queue: 'same', group: 'own' };
    await produce(db, group, ['1']);
    expect(await coopAdopt(db, { ...group, consumer: 'own' })).toBe(true);
    expect(await drain(db, group, 'a')).toEqual(['1']);
  });

  test('a consumer that does not exist, or beside which the group exists already, is not adopted', async () => {
    await givenQueue(db, 'refused', { consumers: ['old'] });
    const group = { queue: 'refused', group: 'g' };
    await expect(coopAdopt(db, { ...group, consumer: 'typo' })).rejects.toThrow(
      'Queue refused has no consumer typo that group g could adopt',
    );
    await registerGroup(db, group);
    await coopRegister(db, { ...group, member: 'a' });
    await expect(coopAdopt(db, { ...group, consumer: 'old' })).rejects.toThrow(
      'Queue refused has both consumer old and group g',
    );
    await expect(coopAdopt(db, { queue: 'refused', consumer: 'g', group: 'other' })).rejects.toThrow(
      'is a group with members already',
    );
  });

  test('a group is dropped only when nothing is open or waits, unless forced, and the queue rotates again', async () => {
    const group = await givenGroup(db, 'dropped', ['a', 'b']);
    await produce(db, group, ['1'], ['2']);
    const batch = await taken(db, group, 'a');
    await expect(coopDropGroup(db, group)).rejects.toThrow(
      'Group g of queue dropped has 1 open batches and 0 events that wait to be tried again: let its workers finish, or force it and lose them.',
    );
    const [event] = await eventsOf(db, batch.token);
    await db.query('select pgq.event_retry($1, $2, 3600)', [batch.token, event?.ev_id]);
    await coopFinish(db, batch.token);
    await expect(coopDropGroup(db, group)).rejects.toThrow('0 open batches and 1 events');
    expect(await payloadsOf(db, await taken(db, group, 'b'))).toEqual(['2']);
    expect(await coopDropGroup(db, { ...group, force: true })).toEqual({
      members: 2,
      openBatches: 1,
      retries: 1,
    });
    expect(await rowsOf(db, group)).toEqual([]);
    await expect(coopDropGroup(db, group)).rejects.toThrow('has no group g');
    expect(await scalar(db, 'select count(*)::int from pgq.retry_queue')).toBe(0);
    await produce(db, group, ['3']);
    expect(await rotate(db, group.queue)).toBe(true);
  });

  test('dropping a group leaves another consumer alone that happens to have the same number', async () => {
    const group = await givenGroup(db, 'neighbour', ['a']);
    await db.query("select pgq.register_consumer('neighbour', 'innocent')");
    await db.query(`update pgq.subscription set sub_id = (
        select s.sub_id from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        join pgq.queue q on q.queue_id = s.sub_queue where q.queue_name = 'neighbour' and c.co_name = 'g')
      where sub_consumer = (select co_id from pgq.consumer where co_name = 'innocent')`);
    await produce(db, group, ['1']);
    const innocent = await nextBatch(db, 'neighbour', 'innocent');
    expect(await drain(db, group, 'a', 0)).toEqual(['1']);
    await coopDropGroup(db, group);
    expect(await finish(db, innocent)).toBe(1);
  });

  test('the queries work over a client that parses no types', async () => {
    const group = await givenGroup(db, 'plain', ['a']);
    await produce(db, group, ['1']);
    const { client } = await db.connect();
    const plain: Querier = {
      query: async (text, values = []) => {
        const { rows } = await client.query({
          text,
          values: [...values],
          types: { getTypeParser: () => (value: string) => value },
        } as never);
        return rows;
      },
    };
    const batch = await take(plain as never, group, 'a');
    expect(batch).toMatchObject({ startTick: 1, endTick: 2, openings: 1 });
    await plain.query(coopFinishSql(batch?.token ?? 0));
  });
});
