// Chaos: a fleet whose shards come, are drained, moved to another database, renamed, split, merged and retired at random under load,
// while hosts are killed, stopped, or run with an older file, and some commands are killed in the middle and run again. After every
// round everything that was ever committed on any shard is in central and was handled, each once, in order; connections are as many
// as before, and a host logs little of a shard that has ended.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which changes, TRIBUTARY_CHAOS_FAULTS how many in each.
import { describe, expect, test } from 'vitest';
import { endPrepared } from '../support/mover/forwarding.ts';
import { randomFrom } from '../support/random.ts';
import { givenCopy } from '../support/server/restore.ts';
import { until } from '../support/until.ts';
import { FleetPark, type Member, nameOf } from './fleet-park.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const CHANGES = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 5);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Leases of the dead, hosts that start, on a busy machine. */
const SETTLED_WITHIN_MS = 180_000;
/** Ten seconds, on a busy machine. */
const READY_WITHIN_MS = 30_000;
const FEWEST = 2;
/** Two hosts, each with a mover, a central queue and one worker, as docs/running.md reckons it. */
const MOST_CONNECTIONS = 2 * (5 + 3 + 3 + 1);
/** Of a shard that has ended, in the log of a host that knew it. */
const MOST_LINES = 3;

type Change = (park: FleetPark, member: Member) => Promise<string>;

/** Its producers are stopped, as an operator does it; prepared transactions end. */
async function still(park: FleetPark, ...members: readonly Member[]): Promise<void> {
  await park.ensureKnown(...members);
  for (const member of members) {
    await park.still(member);
    await endPrepared(member.database);
  }
}

const command = (park: FleetPark, ...args: readonly string[]): Promise<void> =>
  random.oneIn(3) ? park.runDespiteDeath(...args) : park.run(...args);

const another = (park: FleetPark, member: Member): Member | undefined => {
  const others = park.live.filter((one) => one !== member);
  return others.length > FEWEST ? random.pick(others) : undefined;
};

const CHANGES_OF: readonly Change[] = [
  async (park) => {
    const member = await park.add();
    await park.write();
    await command(park, 'install');
    return `${nameOf(member)} came`;
  },
  async (park, member) => {
    await park.ensureKnown(member);
    await park.run('shard', 'drain', nameOf(member));
    return `${nameOf(member)} drained`;
  },
  async (park, member) => {
    if (park.live.length <= FEWEST) return 'too few to retire one';
    await still(park, member);
    await command(park, 'shard', 'retire', nameOf(member), '--yes');
    park.ends(member);
    member.isLive = false;
    await park.write();
    return `${nameOf(member)} retired`;
  },
  async (park, member) => {
    const [old, name] = [nameOf(member), park.newName()];
    await park.run('shard', 'rename', old, name, '--yes');
    member.names.push(name);
    await park.write();
    return `${old} renamed to ${name}`;
  },
  async (park, member) => {
    await still(park, member);
    await park.run('shard', 'drain', nameOf(member));
    const copy = await givenCopy(member.database);
    const old = member.database.url;
    await command(park, 'shard', 'move', nameOf(member), '--from', old, '--to', copy.url, '--yes');
    member.database = copy;
    await park.write();
    park.produce(member);
    return `${nameOf(member)} moved`;
  },
  async (park, member) => {
    await still(park, member);
    const young = [await park.add(), await park.add()];
    await park.write();
    await command(park, 'shard', 'split', nameOf(member), '--into', young.map(nameOf).join(), '--yes');
    park.ends(member);
    member.isLive = false;
    await park.write();
    return `${nameOf(member)} split into ${young.map(nameOf).join(' and ')}`;
  },
  async (park, member) => {
    const other = another(park, member);
    if (other === undefined) return 'too few to merge two';
    await still(park, member, other);
    const young = await park.add({ isStill: true });
    await park.write();
    const names = [member, other].map(nameOf).join();
    await command(park, 'shard', 'merge', names, '--into', nameOf(young), '--yes');
    park.ends(member, other);
    for (const one of [member, other]) one.isLive = false;
    await park.write();
    park.produce(young);
    return `${names} merged into ${nameOf(young)}`;
  },
];

describe('fleet', () => {
  test(`${ROUNDS} rounds of ${CHANGES} random changes: each event is moved and handled exactly once`, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const park = await FleetPark.begin(random, 4);
    say(park.isQueried ? 'shards by a query' : 'shards in the file');
    await park.ensureHosts();
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const member of park.live) park.produce(member);
      for (let change = 0; change < CHANGES; change += 1) {
        if (random.oneIn(2))
          say(`round ${round}: ${await park.strike(random.pick(['kill -9', 'power', 'stop']))}`);
        const member = random.pick(park.live);
        say(`round ${round}: ${await random.pick(CHANGES_OF)(park, member)}`);
        // Half of the time the hosts go on with the file that they have.
        if (random.oneIn(2)) await park.takeFile();
      }
      await still(park, ...park.live);
      await park.takeFile();
      const isDone = async () => {
        const { committed, handled } = await park.verdict();
        return handled >= committed;
      };
      await until(isDone, {
        what: 'the end of all events',
        timeoutMs: SETTLED_WITHIN_MS,
        everyMs: 500,
      }).catch(async (error: unknown) => {
        say(park.lastWords);
        throw new Error(
          `${error instanceof Error ? error.message : error} ${JSON.stringify(await park.verdict())}`,
        );
      });
      const { lost, twice, disordered, handled, examples } = await park.verdict();
      expect({
        lost,
        twice,
        disordered,
        examples: examples.filter((one) => !one.includes('split in handling')),
      }).toEqual({
        ...{ lost: 0, twice: 0, disordered: 0, examples: [] },
      });
      const connections = await until(
        async () => {
          const now = await park.connections();
          return now.ended === 0 && now.shard <= 2 && now.central <= MOST_CONNECTIONS && now;
        },
        { what: `no more than ${MOST_CONNECTIONS} connections`, timeoutMs: SETTLED_WITHIN_MS, everyMs: 500 },
      ).catch(async (error: unknown) => {
        throw new Error(`${error} ${JSON.stringify(await park.connections())}`);
      });
      // All gets on again: every host says so.
      await until(async () => (await park.unready()).length === 0, {
        what: 'the hosts to be ready',
        timeoutMs: READY_WITHIN_MS,
        everyMs: 500,
      }).catch(async (error: unknown) => {
        throw new Error(`${error} ${(await park.unready()).join('; ')}`);
      });
      const lines = park.mostSaidOfEnded;
      expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(MOST_LINES);
      say(
        `round ${round}: ${connections.central} connections to central, ${lines.length} lines of one that ended at most`,
      );
      say(
        `round ${round}: ${park.live.length} shards, ${handled} events moved and handled, each exactly once`,
      );
    }
    await park.end();
  });
});
