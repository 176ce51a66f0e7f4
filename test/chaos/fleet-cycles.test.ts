// Chaos: many short lives of shards beside each other, while two of them stand under load all the time. Each comes into the table of the
// query, is installed and moved by itself, perhaps gets another name, another database or two that take its place, is drained and
// retired; then no host may be connected to it, and its database is dropped. In the middle and at the end everything that was ever
// committed is in central and was handled, each once, in order; connections and open files of the hosts are as many at the end as in
// the middle, and a host has logged little of a shard that has ended.
// TRIBUTARY_CHAOS_ROUNDS says how many lives, TRIBUTARY_CHAOS_SEED what happens in them.
import { describe, expect, test } from 'vitest';
import { endPrepared } from '../support/mover/forwarding.ts';
import { randomFrom } from '../support/random.ts';
import { givenCopy } from '../support/server/restore.ts';
import { until } from '../support/until.ts';
import { FleetPark, type Member, nameOf } from './fleet-park.ts';

const CYCLES = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);

const AT_ONCE = 3;
const UNTOUCHED = 2;
/** Of a shard that has ended, in the log of a host that knew it. */
const MOST_LINES = 3;
const PATIENTLY = { timeoutMs: 180_000 };

/** What the steps took, in ms. */
const took = new Map<string, number[]>();

async function timed<T>(step: string, work: () => Promise<T>): Promise<T> {
  const beganMs = performance.now();
  const result = await work();
  took.set(step, [...(took.get(step) ?? []), performance.now() - beganMs]);
  return result;
}

/** Of each step: how often, and the median and the longest of it. */
const steps = (): string =>
  [...took]
    .map(([step, all]) => {
      const sorted = all.sort((a, b) => a - b).map((ms) => (ms / 1_000).toFixed(1));
      return `${step}: ${sorted.length} times, ${sorted[Math.floor(sorted.length / 2)]} s (${sorted.at(-1)} s)`;
    })
    .join('; ');

async function still(park: FleetPark, member: Member): Promise<void> {
  await park.still(member);
  await endPrepared(member.database);
}

const untilMoved = (park: FleetPark, member: Member) =>
  until(() => park.hasMoved(member), { what: `events of ${nameOf(member)} in central`, ...PATIENTLY });

const shard = (park: FleetPark, command: string, ...args: readonly string[]) =>
  timed(command, () =>
    random.oneIn(6) ? park.runDespiteDeath('shard', command, ...args) : park.run('shard', command, ...args),
  );

/** What happens in the middle of a life. @returns those that live then. */
const TURNS: readonly ((park: FleetPark, member: Member) => Promise<readonly Member[]>)[] = [
  async (_park, member) => [member],
  async (park, member) => {
    const name = park.newName();
    await timed('rename', () => park.run('shard', 'rename', nameOf(member), name, '--yes'));
    member.names.push(name);
    await park.write();
    return [member];
  },
  async (park, member) => {
    await still(park, member);
    await park.run('shard', 'drain', nameOf(member));
    const old = member.database;
    const copy = await givenCopy(old);
    await shard(park, 'move', nameOf(member), '--from', old.url, '--to', copy.url, '--yes');
    member.database = copy;
    await park.write();
    await park.drop(old);
    park.produce(member);
    return [member];
  },
  async (park, member) => {
    await still(park, member);
    const young = [await park.add(), await park.add()];
    await park.write();
    await shard(park, 'split', nameOf(member), '--into', young.map(nameOf).join(), '--yes');
    await end(park, member);
    return young;
  },
];

/** It was retired or split just now. */
async function end(park: FleetPark, member: Member): Promise<void> {
  park.ends(member);
  member.isLive = false;
  await park.write();
  await timed('no connection', () => park.bury(member));
}

async function live(park: FleetPark): Promise<void> {
  const member = await park.add();
  await park.write();
  await timed('first events', () => untilMoved(park, member));
  for (const one of await random.pick(TURNS)(park, member)) {
    await untilMoved(park, one);
    await shard(park, 'drain', nameOf(one));
    await still(park, one);
    await shard(park, 'retire', nameOf(one), '--yes');
    await end(park, one);
  }
}

/** So many lives, some beside each other; then nothing is under way. @returns what the hosts have open. */
async function lives(park: FleetPark, count: number): Promise<{ central: number; handles: number }> {
  let left = count;
  const beside = async () => {
    while (left > 0) {
      left -= 1;
      await live(park);
      if (left % 10 === 0) say(`${left} to go; ${steps()}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, beside));
  for (const member of park.live) await still(park, member);
  await until(
    async () => {
      const { committed, handled } = await park.verdict();
      return handled >= committed;
    },
    { what: 'the end of all events', everyMs: 500, ...PATIENTLY },
  );
  const { lost, twice, disordered, examples } = await park.verdict();
  expect({
    ...{ lost, twice, disordered },
    examples: examples.filter((one) => !one.includes('split in handling')),
  }).toEqual({ lost: 0, twice: 0, disordered: 0, examples: [] });
  const { central, ended } = await park.connections();
  expect(ended).toBe(0);
  const now = { central, handles: park.handles };
  say(`${now.central} connections to central, ${now.handles} files and sockets of the hosts`);
  return now;
}

describe('fleet', () => {
  test(`${CYCLES} shards come, are moved, change and are retired: nothing is left of them but their events`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${CYCLES}`);
    const park = await FleetPark.begin(random, UNTOUCHED, { isQueried: true, everyMs: 150 });
    await park.ensureHosts();
    for (const member of park.live) await untilMoved(park, member);
    const before = await lives(park, Math.ceil(CYCLES / 2));
    for (const member of park.live) park.produce(member);
    await lives(park, Math.floor(CYCLES / 2));
    await until(
      async () => {
        const { central } = await park.connections();
        return central <= before.central && park.handles <= before.handles;
      },
      {
        what: `no more than ${before.central} connections to central and ${before.handles} files and sockets`,
        ...PATIENTLY,
      },
    );
    const lines = park.mostSaidOfEnded;
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(MOST_LINES);
    const { handled } = await park.verdict();
    say(
      `${handled} events moved and handled, each exactly once; ${lines.length} lines of one that ended at most`,
    );
    say(steps());
    await park.end();
  });
});
