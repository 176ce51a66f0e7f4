// A look before a round: which queues it passes over, and that what commits late is not among them.
import { describe, expect, test } from 'vitest';
import type { StoredSource } from '../../../src/central/positions.ts';
import { type Movable, TurnLook } from '../../../src/mover/shard/turn-look.ts';
import { type MovableSource, Source } from '../../../src/mover/source/source.ts';
import { resolveQueues } from '../../../src/shards/queue-on-shard.ts';
import { runRound } from '../../../src/shards/round.ts';
import { PreparedRound } from '../../../src/shards/round-statements.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUES = ['orders', 'emails'];
const readingOf = (queue: string) =>
  ({ shard: 's1', queue, where: undefined, columns: {}, origin: 'extra4' }) as const;

/** Two queues, read up to their newest ticks. */
async function given() {
  const database = await givenDatabase();
  for (const queue of QUEUES) {
    await givenQueue(database, queue);
    await database.query(`select pgq.set_queue_config($1, 'ticker_max_count', '1')`, [queue]);
    // The extension's first tick has the number that the first event gets: only an exact round finds that one.
    await database.query('select pgq.force_tick($1)', [queue]);
    await database.query('select pgq.ticker($1)', [queue]);
  }
  const shard = await database.connect();
  const known = await resolveQueues(shard, 'pgq', QUEUES);
  const group = QUEUES.map((name, id): Movable => {
    const queue = known.get(name);
    if (queue === undefined) throw new Error(`no queue ${name}`);
    const tick = { id: 1, timeUs: 0, eventSeq: 0, md5: '' };
    const stored: StoredSource = {
      ...{ id, shard: 's1', queue: name, centralQueue: name, state: 'active', haltReason: undefined },
      ...{ paused: false, pauseReason: undefined, position: { tick }, n: 1, moved: 0 },
    };
    const source = new Source(stored, { reading: readingOf(name), tickerMode: 'always' });
    return { source: source as MovableSource, queue };
  });
  const readers = group.map(({ queue }) => ({ queue, reading: readingOf(queue.queue) }));
  const prepared = await PreparedRound.on(shard, readers, { schema: 'pgq' });
  const look = new TurnLook(prepared);
  /** A round about these queues; each is read up to its newest tick. @returns how many events its window holds, where there is one. */
  const round = async (some: readonly Movable[], uncovered: ReadonlySet<number>) => {
    const requests = some.map(({ source, queue }) => ({
      ...{ queue, tickId: source.ahead.tick.id, endTickId: undefined, limit: 1_000, ticks: 100 },
      ...{ tick: true, read: true, isUncovered: uncovered.has(queue.queueId) },
    }));
    const options = { schema: 'pgq', thoroughness: 'quick', isDated: false, prepared } as const;
    const seen = await runRound(shard, requests, options);
    look.saw(some, seen);
    const found: [string, number][] = [];
    for (const { queue, end, startSnapshot } of seen) {
      const movable = some.find(({ source }) => source.queue === queue);
      if (end === undefined) continue;
      movable?.source.readTo({ tick: end });
      // Not by what came with the round: an old transaction anywhere on the server makes the window one for a COPY.
      const [row] = await database.query<{ n: number }>(
        `select count(*)::int as n from ${movable?.queue.eventTable}
          where txid_visible_in_snapshot(ev_txid, $1) and not txid_visible_in_snapshot(ev_txid, $2)`,
        [end.snapshot, startSnapshot],
      );
      if (row !== undefined && row.n > 0) found.push([queue, row.n]);
    }
    return found;
  };
  const moving = async () => {
    const found = await look.moving(shard, group);
    return { ...found, queues: found.moving.map(({ queue }) => queue.queue) };
  };
  /** Rounds until a look finds nothing: a queue that was ticked just before is not ticked at once. @returns the events in their windows. */
  const settle = async () => {
    const all: [string, number][] = [];
    const isQuiet = async () => {
      const found = await moving();
      if (found.moving.length > 0) all.push(...(await round(found.moving, found.uncovered)));
      return found.moving.length === 0;
    };
    await until(isQuiet, { what: 'a look that finds nothing' });
    return all;
  };
  const idOf = (name: string) => known.get(name)?.queueId;
  const exactly = async () => {
    const found = await look.exactly(shard, group);
    return { ...found, queues: found.moving.map(({ queue }) => queue.queue) };
  };
  /** What a round about all queues sees that looks for all that it can. */
  const exactRound = async () => {
    const requests = group.map(({ source, queue }) => ({
      ...{ queue, tickId: source.ahead.tick.id, endTickId: undefined, limit: 1_000, ticks: 100, tick: true },
    }));
    return await runRound(shard, requests, { schema: 'pgq', thoroughness: 'exact', prepared });
  };
  return { database, moving, exactly, exactRound, settle, shard, idOf, group };
}

describe('a look', () => {
  test('names the queue that got an event, and the one that another program ticked; both are passed over once they are read', async () => {
    const { database, moving, settle } = await given();
    await settle();
    expect((await moving()).queues).toEqual([]);
    await database.query("select pgq.insert_event('orders', 't', 'x')");
    expect((await moving()).queues).toEqual(['orders']);
    expect(await settle()).toEqual([['orders', 1]]);
    expect((await moving()).queues).toEqual([]);
    await database.query("select pgq.force_tick('emails')");
    await database.query("select pgq.ticker('emails')");
    expect((await moving()).queues).toEqual(['emails']);
    expect(await settle()).toEqual([]);
  });

  test('an event of a transaction that a tick found open is found when it commits, though no sequence moves then', async () => {
    const { database, moving, settle, idOf } = await given();
    await settle();
    const writer = await database.connect();
    await writer.script("begin; select pgq.insert_event('orders', 't', 'late')");
    // Ticked, and open still: nothing can be read.
    expect(await settle()).toEqual([]);
    for (let times = 0; times < 3; times++) expect((await moving()).queues).toEqual([]);
    await writer.script('commit');
    const found = await moving();
    expect([found.queues, [...found.uncovered]]).toEqual([['orders'], [idOf('orders')]]);
    // The tick that took the number is the newest one: only what the look has found makes another one.
    expect(await settle()).toEqual([['orders', 1]]);
  });

  test('a transaction that is rolled back leaves nothing to look for, and looks assign no transaction id', async () => {
    const { database, moving, settle, shard } = await given();
    await settle();
    const writer = await database.connect();
    await writer.script("begin; select pgq.insert_event('orders', 't', 'never')");
    await settle();
    await writer.script('rollback');
    await shard.script('begin');
    for (let times = 0; times < 5; times++) expect((await moving()).queues).toEqual([]);
    expect(await shard.query('select pg_current_xact_id_if_assigned()::text as xid')).toEqual([
      { xid: null },
    ]);
    await shard.script('commit');
  });

  test('an exact look sees of quiet queues what an exact round sees of them, and asks for no round', async () => {
    const { exactly, exactRound, settle } = await given();
    await settle();
    const round = await exactRound();
    const found = await exactly();
    expect(found.queues).toEqual([]);
    const clockless = (seen: readonly object[]) => seen.map((one) => ({ ...one, nowUs: 0, openBelow: 0 }));
    expect(clockless(found.quiet)).toEqual(clockless(round));
    expect(found.quiet[0]?.nowUs).toBeGreaterThan((round[0]?.nowUs ?? Number.NaN) - 1);
  });

  test('an exact look finds a number that was taken before a tick by a transaction that got its id later', async () => {
    const { database, exactly, settle } = await given();
    await settle();
    const writer = await database.connect();
    await writer.script('begin');
    const [taken] = await writer.query<{ id: number }>(
      "select nextval(queue_event_seq::regclass)::int as id from pgq.queue where queue_name = 'orders'",
    );
    await database.query("select pgq.insert_event('orders', 't', 'x')");
    expect(await settle()).toEqual([['orders', 1]]);
    const [into] = await writer.query<{ name: string }>("select pgq.current_event_table('orders') as name");
    await writer.query(
      `insert into ${into?.name} (ev_id, ev_time, ev_type, ev_data) values ($1, now(), 't', 'late')`,
      [taken?.id],
    );
    await writer.script('commit');
    const found = await exactly();
    expect([found.queues, found.quiet.map(({ queue }) => queue)]).toEqual([['orders'], ['emails']]);
  });

  test('to an exact look a queue is not quiet whose newest tick is another one than that of the position, though its number is the same', async () => {
    const { database, moving, exactly, settle, idOf } = await given();
    await settle();
    await database.query(
      `update pgq.tick set tick_time = tick_time - interval '1 second'
        where tick_queue = $1 and tick_id = (select max(tick_id) from pgq.tick where tick_queue = $1)`,
      [idOf('orders')],
    );
    expect((await moving()).queues).toEqual([]);
    expect((await exactly()).queues).toEqual(['orders']);
  });
});
