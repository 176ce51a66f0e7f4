// Faults that hit hosts with all that runs on them, and servers, chosen at random; each host is there again afterwards.

import { send } from '../support/processes/freezer.ts';
import { type Random, randomFrom } from '../support/random.ts';
import type { TestDatabase } from '../support/server/database.ts';
import type { TestServer } from '../support/server/server.ts';
import type { HostPark } from './host-park.ts';

export interface HostField {
  readonly park: HostPark;
  readonly random: Random;
  readonly servers: readonly TestServer[];
  readonly central: TestDatabase;
}

interface Fault {
  /** Said before, for whoever finds a test that stands still. */
  readonly name: string;
  /** @returns what it did. */
  readonly strike: (field: HostField, host: string) => Promise<string>;
}

/** Longer than the leases. */
const PAST_LEASE_MS = 11_500;

/** Process ids of movers or workers that central knows of. */
async function processesOf(central: TestDatabase, kind: 'mover' | 'work'): Promise<number[]> {
  const rows = await central.query<{ pid: number }>(
    kind === 'mover'
      ? `select pid from tributary.member where kind = 'mover' and until > now()`
      : `select p.value::int as pid from tributary.member m, jsonb_each_text(m.details -> 'pids') p
         where m.kind = 'work' and m.until > now()`,
  );
  return rows.map(({ pid }) => pid);
}

const killOneOf = (kind: 'mover' | 'work', name: string): Fault => ({
  name: `kill ${name}`,
  async strike({ central, random }) {
    const pid = random.pick(await processesOf(central, kind));
    if (pid !== undefined) send(pid, 'SIGKILL');
    return `${name} killed`;
  },
});

const FAULTS: readonly Fault[] = [
  {
    name: 'cut power',
    async strike({ park }, host) {
      await park.cutPower(host);
      return `host ${host} lost its power`;
    },
  },
  {
    name: 'kill a supervisor',
    async strike({ park }, host) {
      await park.strike(host, 'SIGKILL');
      return `the supervisor of ${host} killed`;
    },
  },
  {
    name: 'stop a host',
    async strike({ park }, host) {
      await park.strike(host, 'SIGTERM');
      return `host ${host} told to stop`;
    },
  },
  {
    name: 'freeze a host',
    async strike({ park, random }, host) {
      const ms = random.oneIn(2) ? random.below(1_500) : PAST_LEASE_MS;
      park.freeze(host, ms);
      return `host ${host} frozen for ${ms} ms`;
    },
  },
  killOneOf('mover', 'a mover'),
  killOneOf('work', 'a worker'),
  {
    name: 'shut a server down',
    async strike({ servers, random }) {
      const at = random.below(servers.length);
      await servers[at]?.kill('immediate');
      await servers[at]?.restart();
      return `${at === 0 ? 'central' : 'the shards'} shut down at once and restarted`;
    },
  },
];

/** Lets one fault happen. */
export async function strikeHosts(field: HostField, say: (line: string) => void): Promise<void> {
  // Of its own, so that how much one fault asks does not change the next ones.
  const random = randomFrom(field.random.below(2 ** 31));
  const [host] = random.pick(field.park.running) ?? ['none'];
  const fault = random.pick(FAULTS) as Fault;
  say(`next fault: ${fault.name} (${host})`);
  say(await fault.strike({ ...field, random }, host));
  await field.park.ensureAll();
}
