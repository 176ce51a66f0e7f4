// Rounds of random faults on workers, hosts and central under load, each followed by the proof that every event was handled exactly
// once, or is dead exactly once. All the while `/readyz` of each host tells no lie.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which faults, TRIBUTARY_CHAOS_FAULTS how many in each.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFailed } from 'vitest';
import { randomFrom } from '../support/random.ts';
import { givenDatabase } from '../support/server/database.ts';
import { givenServer } from '../support/server/server.ts';
import { until } from '../support/until.ts';
import { givenTicker, givenWorkerHosts } from '../support/workers/worker-host.ts';
import { WorkCrew } from './work-crew.ts';
import { strikeWork, type WorkField } from './work-faults.ts';
import { isSettled, NEVER_WORKS, Numbers, startWorkLoad, wrongFates } from './work-load.ts';
import { watchWork } from './work-watch.ts';

export const random = randomFrom(
  Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)),
);
/** Of its own, or the faults would depend on the speed of the load. */
const randomOfLoad = randomFrom(random.seed + 1);

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** How many rounds, and faults in each, unless the environment says others. */
export const chaosOf = ({ rounds, faults }: { readonly rounds: number; readonly faults: number }) => ({
  rounds: Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? rounds),
  faults: Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? faults),
});

/** Some events never work, one of so many does at its second try, and some take a while. */
const handlerOf = (secondTryOf: number): string => `export default { async event(event, { client, attempt }) {
  const { n } = event.json();
  await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(process.pid)]);
  if (n % 25 === 3) await client.query('select pg_sleep(0.02)');
  if (n % 100 === ${NEVER_WORKS} || (n % ${secondTryOf} === 13 && attempt === 1)) throw new Error('not this one');
} };`;

/** Two hosts with workers for a central queue. @param queue of the file, whose handler is `./write.mjs`. */
export async function givenWorkField(queue: string, { secondTryOf }: { readonly secondTryOf: number }) {
  const server = await givenServer();
  const cluster = { central: await givenDatabase({ server }), shards: [await givenDatabase()] };
  const hosts = await givenWorkerHosts(queue, { 'write.mjs': handlerOf(secondTryOf) }, cluster);
  const { central } = hosts;
  givenTicker(central, 'orders');
  const crew = new WorkCrew(hosts);
  onTestFailed(() => say(crew.lastWords));
  const scale = async (workers: number) => {
    const ran = await hosts.tributary('scale', 'orders', String(workers));
    expect(ran.code, ran.stderr).toBe(0);
  };
  await crew.start();
  await crew.start();
  return { crew, random, server, central, scale };
}

export interface WorkRounds {
  readonly rounds: number;
  readonly faults: number;
  /** Limits for the end of all events after the last fault, and for a worker to be there. */
  readonly settledWithinMs: number;
  readonly filledWithinMs: number;
  /** One more kind of fault; undefined: one of those that hit all workers. */
  strike?(): Promise<string> | undefined;
  /** What else has to hold, with three workers wanted and no load. */
  prove(round: number): Promise<void>;
}

export async function workRounds(
  field: WorkField & Pick<Awaited<ReturnType<typeof givenWorkField>>, 'central'>,
  { rounds, faults, settledWithinMs, filledWithinMs, strike, prove }: WorkRounds,
): Promise<void> {
  const { crew, central, scale } = field;
  const numbers = new Numbers();
  const watch = await watchWork(central, crew);
  say(
    `TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${rounds} TRIBUTARY_CHAOS_FAULTS=${faults}`,
  );
  for (let round = 1; round <= rounds; round += 1) {
    const load = startWorkLoad(central, numbers, randomOfLoad);
    await until(() => crew.workers.length > 0, { what: 'a worker', timeoutMs: filledWithinMs });
    for (let fault = 0; fault < faults; fault += 1) {
      say(`round ${round}: ${await (strike?.() ?? strikeWork(field))}`);
      await pause(random.below(1_000));
    }
    await load.stop();
    await scale(3);
    await crew.thawed();
    for (const host of crew.running.slice(2)) crew.leave(host, 'SIGTERM');
    await until(() => isSettled(central), {
      what: 'the end of all events',
      timeoutMs: settledWithinMs,
      everyMs: 500,
    }).catch(async (error: unknown) => {
      throw new Error(
        `${error instanceof Error ? error.message : error} ${JSON.stringify((await wrongFates(central)).slice(0, 20))}`,
      );
    });
    expect(await wrongFates(central)).toEqual([]);
    const [sum] = await central.query<{ handled: number; dead: number; killed: number }>(
      `select (select count(*) from effect)::int as handled, count(*)::int as dead,
          (count(*) filter (where kind = 'killed'))::int as killed
         from tributary.dead_event`,
    );
    say(
      `round ${round}: ${sum?.handled} events handled and ${sum?.dead} dead (${sum?.killed} as killers), each exactly once`,
    );
    await prove(round);
    await until(() => watch.isAllReady, {
      what: 'the hosts to be ready',
      timeoutMs: filledWithinMs,
    }).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error} ${watch.unready}`);
    });
  }
  await watch.stop();
  say(watch.summary);
  expect(watch.faults).toEqual([]);
}
