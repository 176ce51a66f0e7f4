// Many members, tickers and deaths at once: every event is handled exactly once.
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenCentral } from '../support/server/central-schema.ts';
import type { TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import { coopFinish, coopHold, coopUnregister, type Group, givenGroup, rowsOf, take } from './coop.ts';
import { rotate, scalar } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  db = await givenCentral({ server: await givenServer() });
  await db.query('create table handled (queue text, ev_id bigint, member text)');
});

/** Mulberry32: a failing run is repeated by its seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Crowd {
  readonly group: Group;
  readonly random: () => number;
  /** Chance that a member leaves its batch lying, is slower than the dead interval, or goes away. */
  readonly mischief: number;
  readonly isOver: () => boolean;
}

const DEAD_MS = 150;

/** Takes, writes down and finishes in one transaction; now and then dies, dawdles or goes. */
async function work(name: string, crowd: Crowd): Promise<number> {
  let refused = 0;
  let session = await db.connect();
  while (!crowd.isOver()) {
    try {
      if (!(await workOnce(session, name, crowd))) await pause(5);
    } catch (error) {
      if (!isFencing(error, session)) throw error;
      refused += 1;
      await session.close();
      session = await db.connect();
    }
  }
  await session.close();
  return refused;
}

async function workOnce(
  session: Connection,
  name: string,
  { group, random, mischief }: Crowd,
): Promise<boolean> {
  const merging = random() < 0.3 ? { minCount: 20 } : {};
  const batch = await take(session, group, name, { deadAfterMs: DEAD_MS, ...merging });
  if (batch === undefined) return false;
  const fate = random();
  if (fate < mischief) return true; // asks again, or lets it lie until somebody takes it
  if (fate < mischief * 1.5) {
    await coopUnregister(session, { ...group, member: name });
    if (random() < 0.5) return true;
  }
  await session.query('begin');
  if (random() < 0.5) await coopHold(session, batch.token);
  await session.query('insert into handled select $1, ev_id, $2 from pgq.get_batch_events($3)', [
    group.queue,
    name,
    batch.token,
  ]);
  if (random() < mischief) await pause(DEAD_MS * 1.5);
  await coopFinish(session, batch.token);
  await session.query('commit');
  return true;
}

/** A stale token, a batch that is gone, or a backend that was ended by the taker. */
function isFencing(error: unknown, session: Connection): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    code === 'TB001' ||
    code === '57P01' ||
    session.failed ||
    /batch not found|Cannot find data for batch|not queryable|Connection terminated/.test(message ?? '')
  );
}

async function produceSome(queue: string, rounds: number, random: () => number): Promise<void> {
  const session = await db.connect();
  for (let n = 0; n < rounds; n += 1) {
    await session.query('begin');
    await session.query("select pgq.insert_event($1, 't', g::text) from generate_series(1, $2::int) g", [
      queue,
      1 + Math.floor(random() * 5),
    ]);
    if (random() < 0.3) await pause(random() * 20);
    await session.query(random() < 0.9 ? 'commit' : 'rollback');
  }
  await session.close();
}

/** Ticks without any lock, as several tickers at once would. */
async function tickFor(queue: string, isOver: () => boolean): Promise<void> {
  const session = await db.connect();
  while (!isOver()) {
    await session.query('select pgq.ticker($1)', [queue]).catch(() => {});
    await pause(1);
  }
  await session.close();
}

async function run(
  queue: string,
  { members, tickers, mischief }: { members: number; tickers: number; mischief: number },
) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  process.stdout.write(`seed of ${queue}: ${seed}\n`);
  const random = randomFrom(seed);
  const group = await givenGroup(db, queue, ['m0']);
  let isDone = false;
  let isTicked = false;
  const ticking = Array.from({ length: tickers }, () => tickFor(queue, () => isTicked));
  const working = Array.from({ length: members }, (_, n) =>
    work(`m${n}`, { group, random, mischief, isOver: () => isDone }),
  );
  await Promise.all(Array.from({ length: 4 }, () => produceSome(queue, 150, random)));
  const table = await scalar<string>(db, 'select queue_data_pfx from pgq.queue where queue_name = $1', [
    queue,
  ]);
  const missing = `select count(*)::int from ${table} e
    where not exists (select from handled h where h.queue = $1 and h.ev_id = e.ev_id)`;
  await until(async () => (await scalar<number>(db, missing, [queue])) === 0, {
    what: `every event of ${queue} to be handled (seed ${seed})`,
    timeoutMs: 40_000,
    everyMs: 50,
  });
  isDone = true;
  const refused = (await Promise.all(working)).reduce((a, b) => a + b, 0);
  isTicked = true;
  await Promise.all(ticking);
  const [counts] = await db.query<{ events: number; handled: number; distinct: number }>(
    `select (select count(*)::int from ${table}) as events, count(*)::int as handled, count(distinct ev_id)::int as distinct
     from handled where queue = $1`,
    [queue],
  );
  return { group, refused, counts: counts as { events: number; handled: number; distinct: number } };
}

describe('contract/coop crowd', () => {
  test('eight members, many of which die, hang or unregister: every event is handled exactly once', async () => {
    const { group, refused, counts } = await run('crowd', { members: 8, tickers: 1, mischief: 0.12 });
    expect(counts.events).toBeGreaterThan(500);
    expect(counts).toEqual({ events: counts.events, handled: counts.events, distinct: counts.events });
    expect(refused).toBeGreaterThan(0);
    // What dead members left is taken; then nothing is open and the queue rotates.
    await until(
      async () => {
        const batch = await take(db, group, 'last', { deadAfterMs: 0 });
        if (batch === undefined) return true;
        await coopFinish(db, batch.token);
        return false;
      },
      { what: 'nothing to be left' },
    );
    expect((await rowsOf(db, group)).filter(({ batch }) => batch !== null)).toEqual([]);
    expect(await scalar(db, 'select count(*)::int from tributary.coop_opening')).toBe(0);
    expect(await rotate(db, group.queue)).toBe(true);
  });

  test('sixteen tickers without a lock: no member is handed an event twice', async () => {
    const { counts } = await run('tickers', { members: 4, tickers: 16, mischief: 0 });
    expect(counts).toEqual({ events: counts.events, handled: counts.events, distinct: counts.events });
  });
});
