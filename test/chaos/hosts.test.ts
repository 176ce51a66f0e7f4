// Chaos: whole hosts that run `tributary start` lose their power, their supervisor, their mover, a worker, or freeze past their
// leases, and servers are shut down at once, all under load. After every round what was committed on the shards has arrived
// in central, in order and unsplit, and was handled, each event once. All the while `/readyz` of each host tells no lie.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which faults, TRIBUTARY_CHAOS_FAULTS how many in each.
import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { givenInstalledHosts } from '../support/installation/installed-hosts.ts';
import { endPrepared } from '../support/mover/forwarding.ts';
import { startLoad } from '../support/mover/load.ts';
import { randomFrom } from '../support/random.ts';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { givenServer, type TestServer } from '../support/server/server.ts';
import { until, within } from '../support/until.ts';
import { strikeHosts } from './host-faults.ts';
import { HostPark } from './host-park.ts';
import { ReadinessWatch } from './readiness-watch.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const FAULTS = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 8);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Leases of the dead, batches of the frozen, and on a busy machine processes that start. */
const SETTLED_WITHIN_MS = 120_000;

/** Longer than a host takes to stop or a server to start, on a busy machine: what takes longer has no end. */
const STEP_WITHIN_MS = 180_000;

describe('hosts', () => {
  test(`${ROUNDS} rounds of ${FAULTS} random faults: each event is moved and handled exactly once`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const servers = (await Promise.all([givenServer(), givenServer()])) as [TestServer, TestServer];
    const [ofCentral, ofShards] = servers;
    const central = await givenDatabase({ server: ofCentral });
    const shards: TestDatabase[] = [];
    for (let at = 0; at < 4; at += 1) shards.push(await givenDatabase({ server: ofShards }));
    const hosts = await givenInstalledHosts(
      { alpha: 2, beta: 2 },
      { workers: 3, cluster: { central, shards } },
    );
    const park = new HostPark(hosts, ['alpha', 'beta']);
    const end = <T>(what: string, work: Promise<T>) =>
      within(work, { what, timeoutMs: STEP_WITHIN_MS }).catch((error: unknown) => {
        say(park.lastWords);
        say(spawnSync('ps', ['-eo', 'pid,ppid,pgid,stat,etimes,wchan:20,args'], { encoding: 'utf8' }).stdout);
        throw error;
      });
    await end('the first starts', park.ensureAll());
    const watch = new ReadinessWatch({
      central,
      shards: new Map(shards.map((shard, at) => [`s${at + 1}`, shard])),
      hosts: () =>
        Object.entries({ alpha: ['s1', 's2'], beta: ['s3', 's4'] }).map(([name, own]) => ({
          ...{ name, shards: own },
          url: park.urlOf(name),
        })),
      handledSql:
        'select (select count(*) from pgq.event_1) as wanted, (select count(*) from handled) as handled',
    });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = startLoad(shards, {
        queues: ['orders'],
        random: randomFrom(random.seed + round),
        bulk: 300,
      });
      const before = await hosts.handled();
      await until(async () => (await hosts.handled()) > before, { what: 'work', timeoutMs: 60_000 });
      for (let fault = 0; fault < FAULTS; fault += 1) {
        await end(
          'a fault',
          strikeHosts({ park, random, servers, central }, (line) => say(`round ${round}: ${line}`)),
        );
        await pause(random.below(1_000));
      }
      await end('the load', load.stop());
      for (const shard of shards) await end('prepared transactions', endPrepared(shard));
      await end('frozen hosts', park.thawed());
      await end('the starts', park.ensureAll());
      const isDone = async () => {
        const { committed, handled } = await hosts.verdict();
        return handled >= committed;
      };
      await until(isDone, {
        what: 'the end of all events',
        timeoutMs: SETTLED_WITHIN_MS,
        everyMs: 500,
      }).catch(async (error: unknown) => {
        say(park.lastWords);
        throw new Error(
          `${error instanceof Error ? error.message : error} ${JSON.stringify(await hosts.verdict())}`,
        );
      });
      const { lost, twice, disordered, handled, examples } = await hosts.verdict();
      expect({
        lost,
        twice,
        disordered,
        examples: examples.filter((one) => !one.includes('split in handling')),
      }).toEqual({
        lost: 0,
        twice: 0,
        disordered: 0,
        examples: [],
      });
      expect((await hosts.proof()).split).toEqual([]);
      say(`round ${round}: ${handled} events moved and handled, each exactly once`);
      await until(() => watch.isAllReady, { what: 'the hosts to be ready', timeoutMs: 30_000 });
    }
    await end('the watch', watch.stop());
    say(watch.summary);
    expect(watch.faults).toEqual([]);
    // A watch that saw only one of them proves nothing.
    expect([...watch.answers.keys()].sort()).toEqual([200, 503]);
    await end('the hosts', park.stopAll());
  });
});
