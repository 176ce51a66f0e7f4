// While a session holds an old snapshot no version of a row is removed: what a batch costs may not follow their number.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { finish, givenQueue, nextBatch, scalar } from './pgq.ts';

let db: TestDatabase;
let holder: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  holder = await db.connect();
});

afterAll(() => holder.query('rollback'));

/** A queue with a tick for each batch to come, in tables that are as small as they ever were. */
async function givenTicks(queue: string, consumers: readonly string[]) {
  await givenQueue(db, queue, { consumers });
  await db.query(
    `insert into pgq.tick (tick_queue, tick_id, tick_event_seq)
     select queue_id, n, 1 from pgq.queue, generate_series(2, 20000) n where queue_name = $1`,
    [queue],
  );
  await db.query('vacuum analyze pgq.subscription, pgq.consumer, pgq.tick, pgq.queue');
}

async function hold() {
  await holder.query('rollback');
  await holder.query('begin isolation level repeatable read');
  await holder.query('select count(*) from pg_class');
}

/** Opens and finishes this many batches, each in transactions of its own. */
const cycles = (queue: string, consumer: string, count: number) =>
  db.query(`do $$
    declare v_batch bigint;
    begin
      for n in 1 .. ${count} loop
        v_batch := pgq.next_batch('${queue}', '${consumer}');
        commit;
        perform pgq.finish_batch(v_batch);
        commit;
      end loop;
    end $$`);

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: Readonly<Record<string, number>> }[];
}

/** Pages that reading a batch visits, and opening and finishing it, whether in memory or not: the second least of some. */
async function pagesOfBatch(queue: string, consumer: string) {
  const pages = async (call: string) => {
    const [row] = await db.query<Plan & Record<string, unknown>>(
      `explain (analyze, buffers, format json) ${call}`,
    );
    const plan = row?.['QUERY PLAN'][0]?.Plan ?? {};
    return Number(plan['Shared Hit Blocks']) + Number(plan['Shared Read Blocks']);
  };
  const [read, written]: [number[], number[]] = [[], []];
  for (let n = 0; n < 7; n += 1) {
    const opening = await pages(`select pgq.next_batch('${queue}', '${consumer}')`);
    const batch = await nextBatch(db, queue, consumer);
    read.push(await pages(`select * from pgq.get_batch_events(${batch})`));
    written.push(opening + (await pages(`select pgq.finish_batch(${batch})`)));
  }
  const least = (seen: readonly number[]) => seen.toSorted((one, other) => one - other)[1] as number;
  return { read: least(read), written: least(written) };
}

const subscription = async (queue: string, consumer: string) => {
  const [row] = await db.query<{ sub_id: number; consumer: number; tick: number; batch: number | null }>(
    `select s.sub_id, s.sub_consumer as consumer, s.sub_last_tick as tick, s.sub_batch as batch
     from pgq.subscription s join pgq.queue q on q.queue_id = s.sub_queue join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = $1 and c.co_name = $2`,
    [queue, consumer],
  );
  return row;
};

describe('contract/pgq held snapshot', () => {
  test.runIf(provider() === 'engine')(
    'what a batch costs stays, however many there were before it',
    async () => {
      await givenTicks('flat', ['c']);
      await hold();
      await cycles('flat', 'c', 400);
      const before = await pagesOfBatch('flat', 'c');
      await cycles('flat', 'c', 4_000);
      const after = await pagesOfBatch('flat', 'c');
      expect(after.written).toBeLessThan(2 * before.written + 500);
      // Up to some hundred versions of one consumer's row may lie on the way, some thousand without a fresh consumer.
      expect(after.read).toBeLessThan(before.read + 300);
      // The versions are there: nothing but the way to them is short.
      expect(await scalar<number>(db, "select pg_relation_size('pgq.subscription') / 8192")).toBeGreaterThan(
        50,
      );
    },
  );

  test('a consumer of two queues goes on from where it was on both, under its name and with its subscriptions', async () => {
    await givenTicks('one', ['both', 'other']);
    await givenTicks('two', ['both']);
    const ids = [await subscription('one', 'both'), await subscription('two', 'both')].map((s) => s?.sub_id);
    await hold();
    for (let round = 0; round < 3; round += 1) {
      await cycles('one', 'both', 200);
      await cycles('two', 'both', 100);
    }
    expect(await subscription('one', 'both')).toMatchObject({ sub_id: ids[0], tick: 601, batch: null });
    expect(await subscription('two', 'both')).toMatchObject({ sub_id: ids[1], tick: 301, batch: null });
    const open = await nextBatch(db, 'two', 'both');
    await cycles('one', 'both', 300);
    expect(await subscription('two', 'both')).toMatchObject({ tick: 301, batch: open });
    expect(await finish(db, open)).toBe(1);
    expect(
      await db.query("select consumer_name, last_tick from pgq.get_consumer_info('one') order by 1"),
    ).toEqual([
      { consumer_name: 'both', last_tick: 901 },
      { consumer_name: 'other', last_tick: 1 },
    ]);
    expect(await db.query("select co_name from pgq.consumer where co_name like 'both%'")).toHaveLength(1);
    expect(await scalar(db, "select pgq.unregister_consumer('one', 'both')")).toBe(1);
    expect(await subscription('two', 'both')).toMatchObject({ sub_id: ids[1], tick: 302 });
  });

  test('the main consumer of a group keeps its id, and so does one whose id is in use', async () => {
    await givenTicks('group', ['g']);
    await givenTicks('used', ['u']);
    await db.query(`
      insert into pgq.consumer (co_name) values ('g.member');
      insert into pgq.subscription (sub_id, sub_queue, sub_consumer)
      select s.sub_id, s.sub_queue, c.co_id from pgq.consumer c, pgq.subscription s join pgq.consumer m on m.co_id = s.sub_consumer
      where c.co_name = 'g.member' and m.co_name = 'g'`);
    const before = [await subscription('group', 'g'), await subscription('used', 'u')].map(
      (s) => s?.consumer,
    );
    const user = await db.connect();
    await hold();
    await user.query('begin');
    await user.query("select from pgq.consumer where co_name = 'u' for key share");
    await cycles('group', 'g', 200);
    await cycles('used', 'u', 200);
    expect(
      [await subscription('group', 'g'), await subscription('used', 'u')].map((s) => s?.consumer),
    ).toEqual(before);
    await user.close();
    await cycles('used', 'u', 1);
    expect((await subscription('used', 'u'))?.consumer !== before[1]).toBe(provider() === 'engine');
  });

  test.runIf(provider() === 'engine')(
    'two sessions that ask at once get the same batch, each time',
    async () => {
      await givenTicks('twice', ['c']);
      const [one, two] = [await db.connect(), await db.connect()];
      await hold();
      const ids = new Set<number | undefined>();
      await cycles('twice', 'c', 45);
      for (let n = 0; n < 150; n += 1) {
        const [a, b] = await Promise.all([nextBatch(one, 'twice', 'c'), nextBatch(two, 'twice', 'c')]);
        expect([n, a]).toEqual([n, b]);
        expect(await finish(db, a)).toBe(1);
        ids.add((await subscription('twice', 'c'))?.consumer);
      }
      expect(ids.size).toBeGreaterThan(1);
      expect((await subscription('twice', 'c'))?.tick).toBe(196);
    },
  );
});
