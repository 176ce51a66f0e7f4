// Everything at once: producers, tickers, rotations, retries and consumers, each on a connection of its own and as fast
// as it can. What interleaves is up to the server; the oracle is the list of payloads whose commit was acknowledged.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import {
  consumeAll,
  dataOf,
  eventsOf,
  finish,
  givenQueue,
  insert,
  nextBatch,
  rotate,
  scalar,
  tick,
} from './pgq.ts';

const QUEUE = 'crowd';
const PRODUCERS = 6;
const TRANSACTIONS = 40 * Number(process.env.TRIBUTARY_VISIBILITY_SCHEDULES ?? 1);

let db: TestDatabase;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  db = await givenDatabase({ server: await givenServer() });
});

/** Commits of one producer; on our engine also with old snapshots, and with tables asked for before they are used. */
async function produce(connection: Connection, name: string): Promise<string[]> {
  const committed: string[] = [];
  const ways =
    provider() === 'engine' ? ['plain', 'old snapshot', 'old table', 'rollback'] : ['plain', 'rollback'];
  for (let n = 0; n < TRANSACTIONS; n += 1) {
    const way = ways[Math.floor(Math.random() * ways.length)];
    const data = `${name} ${n}`;
    await connection.query(
      `begin isolation level ${way === 'old snapshot' ? 'repeatable read' : 'read committed'}`,
    );
    if (way === 'old snapshot') await connection.query('select count(*) from pgq.queue');
    else await connection.query('select txid_current()'); // the extension loses events of those who do not
    if (way === 'old table') {
      const table = await scalar<string>(connection, 'select pgq.current_event_table($1)', [QUEUE]);
      await connection.query('select count(*) from pgq.tick');
      await connection.query(`insert into ${table} (ev_time, ev_data) values (now(), $1)`, [data]);
    } else {
      await insert(connection, QUEUE, data);
    }
    await connection.query(way === 'rollback' ? 'rollback' : 'commit');
    if (way !== 'rollback') committed.push(data);
  }
  return committed;
}

/** Repeats `act` until the producers are done. */
function whileProducing(producing: Promise<unknown>, act: () => Promise<unknown>): Promise<void> {
  let producers = true;
  const done = producing.finally(() => {
    producers = false;
  });
  const loop = async () => {
    while (producers) await act();
  };
  return Promise.all([done, loop()]).then(() => {});
}

describe('contract/pgq concurrency', () => {
  test('with producers, tickers, rotations and consumers at once each event comes once to each consumer', async () => {
    await givenQueue(db, QUEUE, { consumers: ['whole', 'crashing'] });
    const connections = await Promise.all(Array.from({ length: PRODUCERS + 5 }, () => db.connect()));
    const [ticker, other, rotator, whole, crashing] = connections.slice(PRODUCERS) as [
      Connection,
      Connection,
      Connection,
      Connection,
      Connection,
    ];
    const got = { whole: [] as (string | null)[], crashing: [] as (string | null)[] };
    let rotations = 0;

    const producing = Promise.all(
      connections.slice(0, PRODUCERS).map((connection, n) => produce(connection, `producer ${n}`)),
    );
    await Promise.all([
      whileProducing(producing, () => tick(ticker, QUEUE)),
      // A second ticker is what the extension does not stand.
      whileProducing(producing, () =>
        provider() === 'engine'
          ? other.query('select pgq.ticker()')
          : other.query('select pgq.maint_retry_events()'),
      ),
      whileProducing(producing, async () => {
        if (await rotate(rotator, QUEUE)) rotations += 1;
      }),
      whileProducing(producing, async () => {
        got.whole.push(...(await consumeAll(whole, QUEUE, 'whole')));
      }),
      whileProducing(producing, async () => {
        // Effects and the end of the batch in one transaction, half of them taken back.
        await crashing.query('begin');
        const batch = await nextBatch(crashing, QUEUE, 'crashing');
        const data = batch === null ? [] : dataOf(await eventsOf(crashing, batch));
        if (batch !== null) await finish(crashing, batch);
        const crash = Math.random() < 0.5;
        await crashing.query(crash ? 'rollback' : 'commit');
        if (!crash) got.crashing.push(...data);
      }),
    ]);

    await tick(db, QUEUE);
    got.whole.push(...(await consumeAll(db, QUEUE, 'whole')));
    got.crashing.push(...(await consumeAll(db, QUEUE, 'crashing')));
    const expected = (await producing).flat().sort();
    expect(got.whole.sort()).toEqual(expected);
    expect(got.crashing.sort()).toEqual(expected);
    expect(rotations).toBeGreaterThan(0);
  }, 600_000);
});
