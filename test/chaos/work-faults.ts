// Faults that hit workers, their hosts and central, chosen at random; each undoes itself.

import type { Random } from '../support/random.ts';
import type { TestDatabase } from '../support/server/database.ts';
import type { TestServer } from '../support/server/server.ts';
import type { WorkCrew } from './work-crew.ts';

export interface WorkField {
  readonly crew: WorkCrew;
  readonly random: Random;
  readonly server: TestServer;
  readonly central: TestDatabase;
  /** Sets how many workers the queue shall have. */
  scale(workers: number): Promise<void>;
}

type Fault = (field: WorkField) => Promise<string>;

/** Longer than the lease of a host. */
const PAST_LEASE_MS = 11_500;

const killWorker: Fault = async ({ crew, random, scale }) => {
  const pid = random.pick(crew.workers);
  if (pid === undefined) return await bringWorkers(scale);
  process.kill(pid, 'SIGKILL');
  return 'a worker killed';
};

/** Where there is nobody to strike. */
async function bringWorkers(scale: WorkField['scale']): Promise<string> {
  await scale(3);
  return 'scaled to 3';
}

const FAULTS: readonly Fault[] = [
  killWorker,
  killWorker,
  async ({ crew, random, scale }) => {
    const pid = random.pick(crew.workers);
    if (pid === undefined) return await bringWorkers(scale);
    const ms = random.oneIn(2) ? random.below(1_000) : PAST_LEASE_MS;
    crew.freezeWorker(pid, ms);
    return `a worker frozen for ${ms} ms`;
  },
  async ({ crew, random }) => {
    if (crew.running.length < 2) await crew.start();
    crew.freezeHost(random.pick(crew.running), PAST_LEASE_MS);
    return 'a host frozen past its lease';
  },
  async ({ crew, random }) => {
    crew.leave(random.pick(crew.running), 'SIGKILL');
    await crew.start();
    return 'a host killed, and another started';
  },
  async ({ crew, random }) => {
    crew.leave(random.pick(crew.running), 'SIGTERM');
    await crew.start();
    return 'a host told to stop, and another started';
  },
  async ({ random, scale }) => {
    const workers = random.below(6);
    await scale(workers);
    return `scaled to ${workers}`;
  },
  async ({ central }) => {
    await central.query("select tributary.worker_pool_renew('orders')");
    return 'all workers to be replaced';
  },
  async ({ central, random }) => {
    const rows = await central.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database()
         and application_name like 'tributary %' and application_name not like 'tributary test%'`,
    );
    const some = rows.filter(() => random.oneIn(2));
    for (const { pid } of some) await central.query('select pg_terminate_backend($1)', [pid]);
    return `${some.length} backends ended`;
  },
  async ({ server }) => {
    await server.kill('immediate');
    await server.restart();
    return 'central shut down at once and restarted';
  },
];

/** Lets one fault happen; returns what it was. */
export const strikeWork = (field: WorkField): Promise<string> => field.random.pick(FAULTS)(field);
