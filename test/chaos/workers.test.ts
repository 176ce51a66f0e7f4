// Chaos: random faults on workers, hosts and central under load, and after every round the proof that each event was either
// handled exactly once, in the table that its handler writes to, or is dead exactly once. All the while `/readyz` of each host tells
// no lie.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which faults, TRIBUTARY_CHAOS_FAULTS how many in each.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../support/random.ts';
import { givenDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import { givenTicker, givenWorkerHosts } from '../support/workers/worker-host.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import { WorkCrew } from './work-crew.ts';
import { strikeWork } from './work-faults.ts';
import { isSettled, NEVER_WORKS, Numbers, startWorkLoad, wrongFates } from './work-load.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const FAULTS = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 10);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
/** Of its own, or the faults would depend on the speed of the load. */
const randomOfLoad = randomFrom(random.seed + 1);
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Some events never work, some do at the second try, and some take a while. */
const HANDLER = `export default { async event(event, { client, attempt }) {
  const { n } = event.json();
  await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(process.pid)]);
  if (n % 25 === 3) await client.query('select pg_sleep(0.02)');
  if (n % 100 === ${NEVER_WORKS} || (n % 200 === 13 && attempt === 1)) throw new Error('not this one');
} };`;
const QUEUE =
  '  orders: { create: true, workers: 3, handler: ./write.mjs, timeout: 5s, recycle: { after: 100 batches }, retry: { attempts: 2, first: 50ms, max: 50ms } }';
/** A host that is frozen for good would keep its slots for a lease, and its batches a little longer. */
const SETTLED_WITHIN_MS = 60_000;
const FILLED_WITHIN_MS = 30_000;

describe('workers', () => {
  test(`${ROUNDS} rounds of ${FAULTS} random faults: each event is handled exactly once, or dead exactly once`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const server = await givenServer();
    const cluster = { central: await givenDatabase({ server }), shards: [await givenDatabase()] };
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': HANDLER }, cluster);
    const { central } = hosts;
    givenTicker(central, 'orders');
    const crew = new WorkCrew(hosts);
    const numbers = new Numbers();
    const scale = async (workers: number) => {
      const ran = await hosts.tributary('scale', 'orders', String(workers));
      expect(ran.code, ran.stderr).toBe(0);
    };
    await crew.start();
    await crew.start();
    const [events] = await central.query<{ name: string }>(
      "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
    );
    const watch = new ReadinessWatch({
      central,
      shards: new Map(),
      hosts: () => crew.serving.map((host) => ({ ...host, shards: [] })),
      handledSql: `select (select count(*) from ${events?.name} where ev_owner is null) as wanted,
        (select count(*) from effect) + (select count(*) from tributary.dead_event) as handled`,
      looks: {
        'the pool': async (database) => {
          if (crew.hasWorker) return true;
          const [pool] = await database.query<{ wanted: number }>('select wanted from tributary.worker_pool');
          return pool?.wanted === 0;
        },
      },
    });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = startWorkLoad(central, numbers, randomOfLoad);
      await until(() => crew.workers.length > 0, { what: 'a worker', timeoutMs: FILLED_WITHIN_MS });
      for (let fault = 0; fault < FAULTS; fault += 1) {
        say(`round ${round}: ${await strikeWork({ crew, random, server, central, scale })}`);
        await pause(random.below(1_000));
      }
      await load.stop();
      await scale(3);
      await crew.thawed();
      for (const host of crew.running.slice(2)) crew.leave(host, 'SIGTERM');
      await until(() => isSettled(central), {
        what: 'the end of all events',
        timeoutMs: SETTLED_WITHIN_MS,
        everyMs: 500,
      }).catch(async (error: unknown) => {
        throw new Error(
          `${error instanceof Error ? error.message : error} ${JSON.stringify((await wrongFates(central)).slice(0, 20))}`,
        );
      });
      expect(await wrongFates(central)).toEqual([]);
      await until(() => crew.workers.length === 3, { what: 'three workers', timeoutMs: FILLED_WITHIN_MS });
      const [sum] = await central.query<{ handled: number; dead: number; killed: number }>(
        `select (select count(*) from effect) as handled, count(*) as dead, count(*) filter (where kind = 'killed') as killed
           from tributary.dead_event`,
      );
      say(
        `round ${round}: ${sum?.handled} events handled and ${sum?.dead} dead (${sum?.killed} as killers), each exactly once`,
      );
      await until(() => watch.isAllReady, {
        what: 'the hosts to be ready',
        timeoutMs: FILLED_WITHIN_MS,
      }).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : error} ${watch.unready}`);
      });
    }
    await watch.stop();
    say(watch.summary);
    expect(watch.faults).toEqual([]);
  });
});
