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

type Fault = (field: HostField, host: string) => Promise<string>;

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

const killOneOf =
  (kind: 'mover' | 'work'): Fault =>
  async ({ central, random }) => {
    const pid = random.pick(await processesOf(central, kind));
    if (pid !== undefined) send(pid, 'SIGKILL');
    return kind === 'mover' ? 'a mover killed' : 'a worker killed';
  };

const FAULTS: readonly Fault[] = [
  async ({ park }, host) => {
    await park.cutPower(host);
    return `host ${host} lost its power`;
  },
  async ({ park }, host) => {
    await park.strike(host, 'SIGKILL');
    return `the supervisor of ${host} killed`;
  },
  async ({ park }, host) => {
    await park.strike(host, 'SIGTERM');
    return `host ${host} told to stop`;
  },
  async ({ park, random }, host) => {
    const ms = random.oneIn(2) ? random.below(1_500) : PAST_LEASE_MS;
    park.freeze(host, ms);
    return `host ${host} frozen for ${ms} ms`;
  },
  killOneOf('mover'),
  killOneOf('work'),
  async ({ servers, random }) => {
    const at = random.below(servers.length);
    await servers[at]?.kill('immediate');
    await servers[at]?.restart();
    return `${at === 0 ? 'central' : 'the shards'} shut down at once and restarted`;
  },
];

/** Lets one fault happen; returns what it was. */
export async function strikeHosts(field: HostField): Promise<string> {
  // Of its own, so that how much one fault asks does not change the next ones.
  const random = randomFrom(field.random.below(2 ** 31));
  const [host] = random.pick(field.park.running) ?? ['none'];
  const what = await random.pick(FAULTS)({ ...field, random }, host);
  await field.park.ensureAll();
  return what;
}
