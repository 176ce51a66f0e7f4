// Chaos: workers killed in every way that there is, many times, under load: from outside, frozen past the lease, by events
// that exit, run out of memory or never come back. After every round each event was handled exactly once, in the table that
// its handler writes to, or is dead exactly once; and no slot was empty for longer than its bound.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which kills, TRIBUTARY_CHAOS_KILLS how many in each.
// TRIBUTARY_CHAOS_POOLER=1 puts pgbouncer in transaction mode between workers and central.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFailed, test } from 'vitest';
import { givenFolder } from '../support/files.ts';
import { givenPgbouncer } from '../support/network/pgbouncer.ts';
import { randomFrom } from '../support/random.ts';
import { givenDatabase } from '../support/server/database.ts';
import { until } from '../support/until.ts';
import type { WorkerCentral } from '../support/workers/worker-central.ts';
import { givenTicker, givenWorkerHosts } from '../support/workers/worker-host.ts';
import { SlotWatch } from './slot-watch.ts';
import { WorkCrew } from './work-crew.ts';
import { isSettled, NEVER_WORKS, Numbers, startWorkLoad, wrongFates } from './work-load.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 1);
const KILLS = Number(process.env.TRIBUTARY_CHAOS_KILLS ?? 20);
const isPooled = process.env.TRIBUTARY_CHAOS_POOLER === '1';
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
/** Of its own, or the kills would depend on the speed of the load. */
const randomOfLoad = randomFrom(random.seed + 1);
const say = (line: string) => process.stdout.write(`${line}\n`);

const WORKERS = 4;
const SLOTS = Array.from({ length: WORKERS }, (_, at) => `orders#${at + 1}`);
const QUEUE = `  orders: { create: true, workers: ${WORKERS}, handler: ./write.mjs, timeout: 1s, retry: { attempts: 2, first: 50ms, max: 50ms } }`;
/** Longer than the lease of a host. */
const PAST_LEASE_MS = 11_500;
/** A lease, or the longest wait after a crash and a process that is frozen while it starts; and the start of the next one. */
const EMPTY_AT_MOST_MS = 60_000;
/** On a busy machine each worker that an event has killed takes seconds to be replaced. */
const SETTLED_WITHIN_MS = 300_000;

/** An event may kill its worker: always, or only the first one. */
const handlerIn = (folder: string) => `
import { closeSync, openSync } from 'node:fs';
const KILLS = {
  exit: () => process.exit(3),
  memory: () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); },
  loop: () => { for (;;); },
};
const isFirst = (n) => {
  try { closeSync(openSync(${JSON.stringify(`${folder}/`)} + n, 'wx')); return true; } catch { return false; }
};
export default { async event(event, { client }) {
  const { n, kill, always } = event.json();
  await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(process.pid)]);
  if (kill && (always || isFirst(n))) KILLS[kill]();
  if (n % 100 === ${NEVER_WORKS}) throw new Error('not this one');
} };`;

/** What kills, and how often in twenty times. */
const WAYS = [
  ...Array<'kill'>(9).fill('kill'),
  ...Array<'exit'>(4).fill('exit'),
  ...Array<'memory'>(3).fill('memory'),
  'loop',
  'freeze',
  'freeze',
  'short freeze',
] as const;

class Field {
  readonly crew: WorkCrew;
  readonly killers: number[] = [];
  readonly #central: WorkerCentral;
  readonly #numbers: Numbers;

  constructor(crew: WorkCrew, central: WorkerCentral, numbers: Numbers) {
    this.crew = crew;
    this.#central = central;
    this.#numbers = numbers;
  }

  async strike(): Promise<string> {
    if (random.oneIn(40) && this.crew.running.length > 1) {
      this.crew.freezeHost(random.pick(this.crew.running), PAST_LEASE_MS);
      return 'freeze a host with its workers';
    }
    const way = random.pick(WAYS);
    const always = random.oneIn(6);
    if (way === 'exit' || way === 'memory' || way === 'loop') {
      let n = this.#numbers.take(1);
      if (n % 100 === NEVER_WORKS) n = this.#numbers.take(1);
      if (always) this.killers.push(n);
      await this.#central.query(
        `select pgq.insert_event('orders', 'killer', $1::text, null, null, null, 's:orders:' || $2)`,
        [JSON.stringify({ n, kill: way, always }), n],
      );
      return `${way}${always ? ', whoever handles it' : ''}`;
    }
    const pid = await until(() => this.crew.workers.length > 0 && random.pick(this.crew.workers), {
      what: 'a worker',
      timeoutMs: EMPTY_AT_MOST_MS,
    });
    if (way === 'kill') process.kill(pid, 'SIGKILL');
    else this.crew.freezeWorker(pid, way === 'freeze' ? PAST_LEASE_MS : random.below(1_000));
    return way;
  }
}

describe('workers', () => {
  test(`${ROUNDS} rounds of ${KILLS} kills: each event is handled exactly once, or dead exactly once`, async () => {
    say(
      `TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS} TRIBUTARY_CHAOS_KILLS=${KILLS}`,
    );
    const direct = await givenDatabase();
    const url = new URL(direct.url);
    if (isPooled) url.port = String(await givenPgbouncer({ poolSize: 30 }));
    const cluster = { central: { ...direct, url: url.href }, shards: [await givenDatabase()] };
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': handlerIn(givenFolder()) }, cluster);
    const { central } = hosts;
    givenTicker(central, 'orders');
    const crew = new WorkCrew(hosts);
    const numbers = new Numbers();
    const field = new Field(crew, central, numbers);
    onTestFailed(() => void say(crew.lastWords));
    await crew.start();
    await crew.start();
    const watch = new SlotWatch(() => crew.running, SLOTS);
    await until(() => crew.workers.length === WORKERS, {
      what: 'the first workers',
      timeoutMs: EMPTY_AT_MOST_MS,
    });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = startWorkLoad(central, numbers, randomOfLoad);
      const counts: Record<string, number> = {};
      for (let kill = 0; kill < KILLS; kill += 1) {
        const what = await field.strike();
        counts[what] = (counts[what] ?? 0) + 1;
        await pause(random.below(400));
      }
      await load.stop();
      await crew.thawed();
      await until(() => isSettled(central), {
        what: 'the end of all events',
        timeoutMs: SETTLED_WITHIN_MS,
        everyMs: 500,
      });
      expect(await wrongFates(central, field.killers)).toEqual([]);
      await until(() => crew.workers.length === WORKERS, {
        what: 'all workers',
        timeoutMs: EMPTY_AT_MOST_MS,
      });
      const longest = watch.takeLongest();
      expect(longest.ms, longest.story).toBeLessThan(EMPTY_AT_MOST_MS);
      const [sum] = await central.query<{ handled: number; dead: number; killed: number }>(
        `select (select count(*) from effect) as handled, count(*) as dead, count(*) filter (where kind = 'killed') as killed
           from tributary.dead_event`,
      );
      say(
        `round ${round}: ${JSON.stringify(counts)}; ${sum?.handled} events handled and ${sum?.dead} dead (${sum?.killed} as killers, ${field.killers.length} of them were), each exactly once; a slot was empty for ${Math.round(longest.ms)} ms at most`,
      );
    }
  });
});
