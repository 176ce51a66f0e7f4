// Faults that hit movers, servers and the network between them, chosen at random; each undoes itself but for dead movers.
import { setTimeout as pause } from 'node:timers/promises';
import { FORWARDING_POINTS } from '../support/mover/forwarding-points.ts';
import type { Proxy as Network } from '../support/network/proxy.ts';
import { type Random, randomFrom } from '../support/random.ts';
import type { TestDatabase } from '../support/server/database.ts';
import type { TestServer } from '../support/server/server.ts';
import type { Crew } from './crew.ts';

export interface Battlefield {
  readonly crew: Crew;
  readonly random: Random;
  readonly servers: readonly TestServer[];
  readonly proxies: readonly Network[];
  /** Whose backends may be ended. */
  readonly databases: readonly TestDatabase[];
}

type Fault = (field: Battlefield) => Promise<string>;

const FAULTS: readonly Fault[] = [
  async ({ crew, random }) => {
    random.pick(crew.running)?.kill('SIGKILL');
    return 'a mover killed';
  },
  async ({ crew, random }) => {
    random.pick(crew.running)?.kill('SIGSTOP');
    return 'a mover frozen';
  },
  async ({ crew, random }) => {
    const sleeper = random.pick(crew.frozen);
    sleeper?.kill('SIGCONT');
    if (sleeper === undefined) random.pick(crew.running)?.kill('SIGSTOP');
    return sleeper === undefined ? 'a mover frozen' : 'a frozen mover wakes up';
  },
  async ({ crew, random }) => {
    const failure = {
      at: random.pick(FORWARDING_POINTS),
      action: random.pick(['kill', 'stop'] as const),
      nth: 1 + random.below(20),
    };
    crew.start(failure);
    return `one more mover, to ${failure.action} itself at ${failure.at}, time ${failure.nth}`;
  },
  async ({ crew }) => {
    if (crew.running.length < 3) crew.start();
    return 'one more mover';
  },
  async ({ databases, random }) => {
    const database = random.pick(databases);
    const rows = await database.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database()
         and application_name like 'tributary %' and application_name not like 'tributary test%'`,
    );
    for (const { pid } of rows)
      if (random.oneIn(2)) await database.query('select pg_terminate_backend($1)', [pid]);
    return `backends ended in ${database.name}`;
  },
  async ({ servers, random }) => {
    const at = random.below(servers.length);
    await servers[at]?.kill('immediate');
    await servers[at]?.restart();
    return `server ${at} shut down at once and restarted`;
  },
  async ({ proxies, random }) => {
    const at = random.below(proxies.length);
    proxies[at]?.cut();
    return `connections cut at proxy ${at}`;
  },
  async ({ proxies, random }) => {
    const at = random.below(proxies.length);
    const side = random.pick(['server', 'client'] as const);
    const bytes = random.below(50_000);
    proxies[at]?.cutAfter(bytes, side);
    return `proxy ${at} cuts after ${bytes} bytes of the ${side}`;
  },
  ...(['drop', 'blackhole', 'delay'] as const).map(
    (how): Fault =>
      async ({ proxies, random }) => {
        const at = random.below(proxies.length);
        const proxy = proxies[at];
        if (how === 'delay') proxy?.delay(20 + random.below(200));
        else proxy?.[how]();
        await pause(200 + random.below(800));
        proxy?.heal();
        return `${how} at proxy ${at} for a while`;
      },
  ),
];

/** Lets one fault happen; returns what it was. */
export async function strike(field: Battlefield): Promise<string> {
  // Of its own, so that how much one fault asks does not change the next ones.
  const random = randomFrom(field.random.below(2 ** 31));
  const what = await random.pick(FAULTS)({ ...field, random });
  field.crew.ensureOne();
  return what;
}
