// Chaos: random faults on workers, hosts and central, and other numbers of lanes, under load on a queue whose keys pause. After every
// round each event was handled exactly once, or is dead exactly once, and those with one key were handled in their order.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which faults, TRIBUTARY_CHAOS_FAULTS how many in each.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFailed, test } from 'vitest';
import { randomFrom } from '../support/random.ts';
import { givenDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import { givenTicker, givenWorkerHosts } from '../support/workers/worker-host.ts';
import { WorkCrew } from './work-crew.ts';
import { strikeWork } from './work-faults.ts';
import { isSettled, NEVER_WORKS, Numbers, startWorkLoad, wrongFates } from './work-load.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 1);
const FAULTS = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 20);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
/** Of its own, or the faults would depend on the speed of the load. */
const randomOfLoad = randomFrom(random.seed + 1);
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Some events never work, some do at the second try, and some take a while; all of them belong to 20 keys. */
const HANDLER = `export default { async event(event, { client, attempt }) {
  const { n } = event.json();
  await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(process.pid)]);
  if (n % 25 === 3) await client.query('select pg_sleep(0.02)');
  if (n % 100 === ${NEVER_WORKS} || (n % 50 === 13 && attempt === 1)) throw new Error('not this one');
} };`;
const KEY = "((ev_data::json ->> 'n')::integer % 20)::text";
const QUEUE = `  orders: { create: true, key: "${KEY}", lanes: 8, on_failure: pause, workers: 3, handler: ./write.mjs, timeout: 5s, retry: { attempts: 2, first: 50ms, max: 50ms } }`;
const SETTLED_WITHIN_MS = 120_000;
const FILLED_WITHIN_MS = 60_000;

describe('lanes', () => {
  test(`${ROUNDS} rounds of ${FAULTS} random faults: each event is handled exactly once or dead, and each key in its order`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const server = await givenServer();
    const cluster = { central: await givenDatabase({ server }), shards: [await givenDatabase()] };
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': HANDLER }, cluster);
    const { central } = hosts;
    givenTicker(central, 'orders');
    const crew = new WorkCrew(hosts);
    onTestFailed(() => void say(crew.lastWords));
    const numbers = new Numbers();
    const scale = async (workers: number) => {
      const ran = await hosts.tributary('scale', 'orders', String(workers));
      expect(ran.code, ran.stderr).toBe(0);
    };
    await crew.start();
    await crew.start();
    const strike = async () => {
      if (!random.oneIn(6)) return await strikeWork({ crew, random, server, central, scale });
      const count = 1 + random.below(16);
      await central.query(
        "select tributary.lanes_set('orders', 'workers_' || name, $1, $2, true) from tributary.identity",
        [KEY, count],
      );
      return `${count} lanes`;
    };
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = startWorkLoad(central, numbers, randomOfLoad);
      await until(() => crew.workers.length > 0, { what: 'a worker', timeoutMs: FILLED_WITHIN_MS });
      for (let fault = 0; fault < FAULTS; fault += 1) {
        say(`round ${round}: ${await strike()}`);
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
      });
      expect(await wrongFates(central)).toEqual([]);
      expect(
        await central.query(
          `select n, before from (select n, max(n) over (partition by n % 20 order by at, n rows between unbounded preceding and 1 preceding) as before from effect) e
            where before > n`,
        ),
      ).toEqual([]);
      const [sum] = await central.query<{ handled: number; dead: number }>(
        'select (select count(*) from effect)::int as handled, count(*)::int as dead from tributary.dead_event',
      );
      say(
        `round ${round}: ${sum?.handled} events handled and ${sum?.dead} dead, each exactly once, each key in its order`,
      );
    }
  });
});
