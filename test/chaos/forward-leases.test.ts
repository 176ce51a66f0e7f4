// Chaos with leases as they are: two movers share the shards, one of them is killed or frozen for good, the other takes over.
// TRIBUTARY_CHAOS_ROUNDS says how many times, TRIBUTARY_CHAOS_SEED which way each time.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { endPrepared, type Forwarding, givenForwarding, SOURCE_QUEUES } from '../support/mover/forwarding.ts';
import { FORWARDING_POINTS } from '../support/mover/forwarding-points.ts';
import { startLoad } from '../support/mover/load.ts';
import type { TestProcess } from '../support/processes/process.ts';
import { randomFrom } from '../support/random.ts';
import { until } from '../support/until.ts';
import { Crew } from './crew.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const SHARDS = 4;
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Watermarks are moved every five seconds, all else many times a second. */
function failureOf(action: 'kill' | 'stop') {
  const at = random.pick(FORWARDING_POINTS);
  return { at, action, nth: at.startsWith('watermark') ? 1 + random.below(6) : 20 + random.below(40) };
}

/** The shards that each process holds. */
async function holdings({ central }: Forwarding): Promise<Map<number, number>> {
  const rows = await central.query<{ pid: number; shards: number }>(
    `select pid, count(*) as shards from tributary.lease where is_held and resource like 'shard:%' group by pid`,
  );
  return new Map(rows.map(({ pid, shards }) => [pid, shards]));
}

/** An event on each shard, which must arrive. */
async function moveOneOfEach({ shards, central }: Forwarding, name: string): Promise<void> {
  for (const shard of shards) await shard.query(`select pgq.insert_event('orders', 'made', $1)`, [name]);
  const arrived = async () =>
    (await central.query(`select from pgq.event_template where ev_data = $1`, [name])).length === SHARDS;
  await until(arrived, { what: `${name} from each shard`, timeoutMs: 30_000 });
}

describe('mover', () => {
  test(`${ROUNDS} times the holder of leases dies or freezes for good: the other takes over, each event is moved once`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const forwarding = await givenForwarding({ shards: SHARDS, hasLeases: true });
    const crew = new Crew(forwarding);
    const isShared = async () => {
      const held = await holdings(forwarding);
      const counts = crew.running.map(({ pid }) => held.get(pid) ?? 0);
      return counts.length === 2 && counts.every((count) => count > 0) && sum(counts) === SHARDS;
    };
    crew.start();
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random: randomFrom(random.seed + 1) });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [first] = crew.running as [TestProcess];
      // Every other one is to die in the middle of something, when it has moved for a while.
      const action = random.pick(['kill', 'stop'] as const);
      const failure = random.oneIn(2) ? failureOf(action) : undefined;
      const second = crew.start(failure);
      if (failure === undefined) {
        await until(isShared, { what: 'shared leases', timeoutMs: 60_000 });
        await pause(random.below(1_500));
      }
      const victim = failure === undefined ? random.pick([first, second]) : second;
      const survivor = victim === first ? second : first;
      if (failure === undefined) victim.kill(action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
      await until(() => !crew.running.includes(victim), { what: 'the victim', timeoutMs: 120_000 });
      const sinceMs = Date.now();
      const hasAll = async () => (await holdings(forwarding)).get(survivor.pid) === SHARDS;
      await until(hasAll, { what: 'all leases with the other one', timeoutMs: 60_000 });
      say(
        `round ${round}: ${failure?.at ?? 'at any time'} ${action}, taken over after ${Date.now() - sinceMs} ms`,
      );
      await moveOneOfEach(forwarding, `round ${round}`);
    }
    await load.stop();
    for (const shard of forwarding.shards) await endPrepared(shard);
    const { moved } = await forwarding.untilProven({ timeoutMs: 60_000 });
    say(`${moved} events, each exactly once`);
    await crew.killAll();
  });
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
