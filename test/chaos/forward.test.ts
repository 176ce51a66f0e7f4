// Chaos: random faults under load, and after every round the proof that each event was moved exactly once. All the while `/readyz`
// of each mover tells no lie.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which faults, TRIBUTARY_CHAOS_FAULTS how many in each.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { endPrepared, type Forwarding, givenForwarding, SOURCE_QUEUES } from '../support/mover/forwarding.ts';
import { startLoad } from '../support/mover/load.ts';
import { givenProxy, type Proxy as Network } from '../support/network/proxy.ts';
import { randomFrom } from '../support/random.ts';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { givenServer, type TestServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import { Crew } from './crew.ts';
import { type Battlefield, strike } from './faults.ts';
import { ReadinessWatch } from './readiness-watch.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const FAULTS = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 12);
/** Every other seed has windows that are cut, so that movers die between their parts. */
const hasCuts = (seed: number) => seed % 2 === 1;
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** The same database as the movers reach it. */
const through = (database: TestDatabase, proxy: Network): TestDatabase => {
  const url = new URL(database.url);
  url.port = String(proxy.port);
  return { ...database, url: url.href };
};

/** Of transactions that arrived in parts: which events in which transaction of central, and what positions there were. */
async function partsOf(forwarding: Forwarding, split: readonly string[]): Promise<string[]> {
  const { central, shards } = forwarding;
  const lines = (await central.query('select * from tributary.position where end_tick_id is not null')).map(
    (row) => JSON.stringify(row),
  );
  for (const key of split.slice(0, 3)) {
    const [source = '', txid] = key.split(' ');
    const [name, queue] = source.split(':');
    const shard = shards[Number(name?.slice(1)) - 1] as TestDatabase;
    const [table] = await shard.query<{ name: string }>(
      'select queue_data_pfx as name from pgq.queue where queue_name = $1',
      [queue],
    );
    const ids = await shard.query<{ origin: string }>(
      `select '${source}:' || ev_id as origin from ${table?.name} where ev_txid = $1`,
      [txid],
    );
    const rows = await central.query(
      'select ev_txid, ev_extra4, ev_time, ev_id from pgq.event_template where ev_extra4 = any ($1) order by ev_id',
      [ids.map(({ origin }) => origin)],
    );
    // An id that the shard gave to two transactions would look like one transaction in two parts.
    const twins = await shard.query(
      `select ev_id, array_agg(ev_txid)::text as txids from ${table?.name} group by ev_id having count(*) > 1`,
    );
    lines.push(key, ...[...rows, ...twins].map((row) => JSON.stringify(row)));
    const ticks = await shard.query(
      `select t.*, txid_visible_in_snapshot($2, tick_snapshot) as sees from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
       where q.queue_name = $1 order by abs(txid_snapshot_xmax(tick_snapshot) - $2) limit 20`,
      [queue, txid],
    );
    lines.push(...ticks.map((row) => JSON.stringify(row)));
  }
  return lines;
}

/** Who waits for whom, and what the movers said last. */
async function diagnosis({ crew, databases }: Battlefield): Promise<string> {
  const lines = [];
  for (const database of databases) {
    const rows = await database.query(
      `select pid, application_name as who, state, wait_event, pg_blocking_pids(pid)::text as by, age(clock_timestamp(), xact_start)::text as age,
         left(query, 80) as query
       from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`,
    );
    lines.push(database.name, ...rows.map((row) => JSON.stringify(row)));
  }
  for (const member of crew.running) lines.push(`mover ${member.pid}`, ...member.stderr.slice(-15));
  return lines.join('\n');
}

describe('mover', () => {
  test(`${ROUNDS} rounds of ${FAULTS} random faults: each event is moved exactly once and in order`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const servers = await Promise.all([givenServer(), givenServer()]);
    const [ofShards, ofCentral] = servers as [TestServer, TestServer];
    const central = await givenDatabase({ server: ofCentral });
    const shards = [];
    for (let at = 0; at < 4; at += 1) shards.push(await givenDatabase({ server: ofShards }));
    const proxies = await Promise.all([ofCentral, ofShards, ofShards].map(givenProxy));
    const [toCentral, ...toShards] = proxies as [Network, Network, Network];
    const mayCut = hasCuts(random.seed);
    const forwarding = await givenForwarding({
      more: mayCut ? 'mover: { memory: 16MB, whole: 16kB }' : '',
      cluster: { central, shards },
      via: {
        central: through(central, toCentral),
        shards: shards.map((shard, at) => through(shard, toShards[at % 2] as Network)),
      },
    });
    const crew = new Crew(forwarding);
    const field = { crew, random, servers, proxies, databases: [central, ...shards] };
    const names = shards.map((_, at) => `s${at + 1}`);
    const watch = new ReadinessWatch({
      central,
      shards: new Map(shards.map((shard, at) => [`s${at + 1}`, shard])),
      hosts: () => crew.serving.map((host) => ({ ...host, shards: names })),
    });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = startLoad(shards, { queues: SOURCE_QUEUES, random: randomFrom(random.seed + round) });
      crew.ensureOne();
      const before = await forwarding.moved();
      await until(async () => (await forwarding.moved()) > before, {
        what: 'a first event',
        timeoutMs: 60_000,
      });
      for (let fault = 0; fault < FAULTS; fault += 1) {
        say(`round ${round}: ${await strike(field)}`);
        await pause(random.below(1_000));
      }
      for (const proxy of proxies) proxy.heal();
      await load.stop();
      for (const shard of shards) await endPrepared(shard);
      crew.ensureOne();
      const proof = await forwarding.untilProven({ timeoutMs: 60_000, mayCut }).catch(async (error) => {
        say(await diagnosis(field));
        say((await partsOf(forwarding, (await forwarding.proof()).split)).join('\n'));
        throw error;
      });
      say(`round ${round}: ${proof.moved} events, each exactly once`);
      await until(() => watch.isAllReady, { what: 'the movers to be ready', timeoutMs: 30_000 });
      await crew.killAll();
    }
    await watch.stop();
    say(watch.summary);
    expect(watch.faults).toEqual([]);
  });
});
