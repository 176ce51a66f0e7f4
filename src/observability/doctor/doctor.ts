// The whole look of `doctor`: central and every shard, in parallel and within a time for all of it; then all judged together.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import pLimit from 'p-limit';
import { CentralLink } from '../../central/central-link.ts';
import type { Config, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { reachingServers } from '../../install/facts/reach.ts';
import { wantedSources } from '../../install/facts/sources.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { LagReader } from '../lag/reader.ts';
import type { LagReport } from '../lag/report.ts';
import { diagnosis } from './causes.ts';
import { CentralDoctor, diagnosesOf } from './central-doctor.ts';
import { type Diagnosis, worstFirst } from './diagnosis.ts';
import type { CentralHealth, DatabaseHealth } from './facts.ts';
import { databaseDiagnoses } from './judge-databases.ts';
import { clockDiagnoses, healthDiagnoses } from './judge-health.ts';
import { perhapsFlooding, type SourceRates, withFlood, withRates } from './judge-late.ts';
import type { DiskFacts } from './judge-rotation.ts';
import { askDatabase, SeenServers } from './read-database.ts';
import { readMovedRates } from './read-rates.ts';

export interface DoctorReport {
  /** Undefined: central did not answer. */
  readonly lag: LagReport | undefined;
  /** The worst first. */
  readonly diagnoses: readonly Diagnosis[];
  /** Shards that could not be asked from here, though a mover may reach them. */
  readonly unasked: readonly { readonly shard: string; readonly reason: string }[];
}

const ASKED_AT_ONCE = 64;
/** Few, because these servers are busy with something else, also when a look at all of them takes longer for it. */
const ASKED_AT_ONCE_OF_SERVER = 4;

/** @throws TributaryError where central is not installed, or refuses us for good. */
export async function examine(config: Config): Promise<DoctorReport> {
  const link = new CentralLink(config, 'doctor');
  const endMs = performance.now() + TIMING.doctor.wholeMs;
  let isGivenUp = false;
  // It would be waited for when the link is closed.
  const giveUp = () => {
    isGivenUp = true;
    link.abandon();
  };
  try {
    const [{ lag, health, away }, answers] = await Promise.all([
      lookAtCentral(link, { config, endMs, giveUp }),
      askAll(config.shards, { config, endMs }),
    ]);
    const shards = answers.flatMap(({ health: one }) => one ?? []);
    const rates = await ratesOf(link, {
      ...{ lag, config, shards, endMs, giveUp },
    });
    const databases = [...(health === undefined ? [] : [health.database]), ...shards];
    const known = [
      ...away,
      ...(lag === undefined
        ? []
        : diagnosesOf(lag, config).map((one) => withFlood(withRates(one, lag, rates), lag, rates.moved))),
      ...(health === undefined ? [] : healthDiagnoses(health, lag?.sources ?? [])),
      ...(health === undefined ? [] : clockDiagnoses(health.database, shards)),
    ];
    return {
      lag,
      diagnoses: worstFirst(databaseDiagnoses(databases, { known, config, disks: await disksOf(databases) })),
      unasked: answers.flatMap(({ shard, reason }) =>
        reason === undefined || isShardAway(shard, lag) ? [] : [{ shard, reason }],
      ),
    };
  } finally {
    if (!isGivenUp) await link.close();
  }
}

interface Asking {
  /** By then all has been asked, by the monotonic clock. */
  readonly endMs: number;
  /** Nothing more is asked of central. */
  giveUp(): void;
}

/** Of sources that are late though they are moved, and of those of queues that are behind. */
async function ratesOf(
  link: CentralLink,
  {
    lag,
    config,
    shards,
    endMs,
    giveUp,
  }: Asking & {
    readonly lag: LagReport | undefined;
    readonly config: Config;
    readonly shards: readonly DatabaseHealth[];
  },
): Promise<SourceRates> {
  const found = lag === undefined ? [] : diagnosesOf(lag, config);
  const late = found.filter(({ cause }) => cause === 'moving-late').flatMap(({ names }) => names);
  const asked = [...new Set([...late, ...(lag === undefined ? [] : perhapsFlooding(found, lag))])];
  const arriving = shards.flatMap(({ name, rotation }) =>
    rotation.flatMap(({ queue, inPerSecond }): [string, number][] =>
      inPerSecond === null ? [] : [[`${name}:${queue}`, inPerSecond]],
    ),
  );
  const none: ReadonlyMap<string, number> = new Map();
  if (asked.length === 0) return { moved: none, arriving: new Map(arriving) };
  // How quickly they get less is good to know; what is wrong is known without it.
  const moved = await inTime(
    () => link.use((central) => readMovedRates(central, asked)).catch(() => none),
    () => {
      giveUp();
      return none;
    },
    endMs,
  );
  return { moved, arriving: new Map(arriving) };
}

/** Causes that lie with somebody's session. */
const OF_SESSIONS: readonly string[] = ['lock-held', 'long-transaction', 'prepared-transaction'];

/**
 * Who holds a lock or a snapshot on central or on these shards, for `lag` and `check`; what cannot be asked is left out.
 * Never throws.
 */
export async function sessionsThatHold(config: Config, shards: readonly Shard[]): Promise<Diagnosis[]> {
  const link = new CentralLink(config, 'doctor');
  try {
    const [central, answers] = await Promise.all([
      new CentralDoctor(config, link).read().catch(() => undefined),
      askAll(shards, { config, endMs: performance.now() + TIMING.doctor.wholeMs }),
    ]);
    const databases = [
      ...(central === undefined ? [] : [central.database]),
      ...answers.flatMap(({ health }) => health ?? []),
    ];
    return databaseDiagnoses(databases, { known: [], config }).filter(({ cause }) =>
      OF_SESSIONS.includes(cause),
    );
  } finally {
    await link.close();
  }
}

/** That it cannot be reached is said of its sources. */
const isShardAway = (shard: string, lag: LagReport | undefined): boolean =>
  lag?.sources.some((one) => one.shard === shard && one.why?.cause === 'shard-away') ?? false;

interface CentralLook {
  readonly lag?: LagReport;
  readonly health?: CentralHealth;
  /** That central does not answer. */
  readonly away: readonly Diagnosis[];
}

async function lookAtCentral(
  link: CentralLink,
  { config, endMs, giveUp }: Asking & { readonly config: Config },
): Promise<CentralLook> {
  try {
    return await inTime(
      async () => {
        const lag = await new LagReader(config, link).read({ patienceMs: TIMING.doctor.shardMs });
        return { lag, health: await new CentralDoctor(config, link).read(), away: [] };
      },
      () => {
        throw notInTime('Central');
      },
      endMs,
    );
  } catch (error) {
    if (kindOf(error) !== 'retryable') throw error;
    giveUp();
    const sentence = sentenceFor(error, 'Central');
    return { away: [diagnosis('central-away', ['central'], { severity: 'broken', sentence })] };
  }
}

interface ShardLook {
  readonly shard: string;
  readonly health?: DatabaseHealth;
  readonly reason?: string;
}

async function askAll(
  shards: readonly Shard[],
  { config, endMs }: { readonly config: Config; readonly endMs: number },
): Promise<ShardLook[]> {
  const limited = reachingServers(ASKED_AT_ONCE_OF_SERVER);
  const servers = new SeenServers();
  const limit = pLimit(ASKED_AT_ONCE);
  // A server that does not answer is waited for once, and not for each of its databases.
  const dead = new Map<string, string>();
  let isOver = false;
  const late = ({ name }: Shard): ShardLook => ({ shard: name, reason: notInTime(`Shard ${name}`).message });
  return await Promise.all(
    shards.map((shard) =>
      inTime(
        () =>
          limited(shard, () =>
            limit(async () => (isOver ? late(shard) : await askOne(shard, { config, dead, servers }))),
          ),
        () => {
          isOver = true;
          return late(shard);
        },
        endMs,
      ),
    ),
  );
}

const notInTime = (whose: string): TributaryError =>
  new TributaryError(
    `${whose} did not answer within ${TIMING.doctor.wholeMs / 1_000} s: see whether its server hangs or is overloaded.`,
    { code: 'timeout', kind: 'retryable' },
  );

/** What `work` gives, or `otherwise` where that is not there by then. */
async function inTime<T>(work: () => Promise<T>, otherwise: () => T, endMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, endMs - performance.now(), undefined);
  });
  try {
    const done = await Promise.race([work().then((result) => ({ result })), late]);
    return done === undefined ? otherwise() : done.result;
  } finally {
    clearTimeout(timer);
  }
}

async function askOne(
  shard: Shard,
  {
    config,
    dead,
    servers,
  }: { readonly config: Config; readonly dead: Map<string, string>; readonly servers: SeenServers },
): Promise<ShardLook> {
  const { name, host, port } = shard;
  const known = dead.get(`${host}:${port}`);
  if (known !== undefined) return { shard: name, reason: known };
  const queues = wantedSources(config).map(({ queue }) => queue);
  const asked = await askDatabase(shard, {
    installation: config.name,
    captures: config.captures,
    ...{ queues, servers },
  });
  if (asked.reason === undefined) return { shard: name, health: asked.health };
  if (asked.isUnreachable) dead.set(`${host}:${port}`, asked.reason);
  return { shard: name, reason: asked.reason };
}

/** Of servers whose data lies on this machine. */
async function disksOf(databases: readonly DatabaseHealth[]): Promise<ReadonlyMap<string, DiskFacts>> {
  const disks = new Map<string, DiskFacts>();
  for (const { server, sessions } of databases) {
    const { directory } = sessions;
    if (directory === undefined || disks.has(server) || !existsSync(directory)) continue;
    try {
      const { bavail, bsize } = await statfs(directory);
      disks.set(server, { freeBytes: bavail * bsize });
    } catch {
      // Not to be seen by us: its size stays unknown.
    }
  }
  return disks;
}
