// The whole look of `doctor`: central, and shards where central does not know enough of them, within a time for all of it; then
// all judged together.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { CentralLink } from '../../central/central-link.ts';
import type { Config, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { readShardReports, type StoredShardReport } from '../../shards/reports.ts';
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
import { readMovedRates } from './read-rates.ts';
import { ShardVisits, type VisitedShard } from './visits/ask-shards.ts';
import { inTime, notInTime } from './visits/in-time.ts';

export interface DoctorReport {
  /** Undefined: central did not answer. */
  readonly lag: LagReport | undefined;
  /** The worst first. */
  readonly diagnoses: readonly Diagnosis[];
  /** Shards that could not be asked from here, though a mover may reach them. */
  readonly unasked: readonly { readonly shard: string; readonly reason: string }[];
}

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
    const visits = new ShardVisits(config, endMs);
    const [{ lag, health, away }, answers] = await Promise.all([
      lookAtCentral(link, { config, endMs, giveUp }),
      reportsOn(link).then((reports) => visits.look(config.shards, reports)),
    ]);
    const shards = answers.flatMap(({ health: one }) => one ?? []);
    const rates = await ratesOf(link, {
      ...{ lag, answers, visits, config, endMs, giveUp },
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

/** What movers saw of their shards; where central does not say it soon, nothing is known and all shards are asked. */
const reportsOn = (link: CentralLink): Promise<ReadonlyMap<string, StoredShardReport>> =>
  inTime<ReadonlyMap<string, StoredShardReport>>(
    () => link.use((central) => readShardReports(central, TIMING.doctor.seenMs)).catch(() => new Map()),
    () => new Map(),
    performance.now() + TIMING.doctor.seenMs,
  );

/** Late sources are no reason to burden more shards than this, to learn how much arrives there. */
const MOST_ASKED_FOR_RATES = 16;

interface LateSources extends Asking {
  readonly config: Config;
  readonly lag: LagReport | undefined;
  readonly answers: readonly VisitedShard[];
  readonly visits: ShardVisits;
}

/** Of sources that are late though they are moved, and of those of queues that are behind. */
async function ratesOf(
  link: CentralLink,
  { config, lag, answers, visits, endMs, giveUp }: LateSources,
): Promise<SourceRates> {
  const none: ReadonlyMap<string, number> = new Map();
  const found = lag === undefined ? [] : diagnosesOf(lag, config);
  const late = found.filter(({ cause }) => cause === 'moving-late').flatMap(({ names }) => names);
  const wanted = [...new Set([...late, ...(lag === undefined ? [] : perhapsFlooding(found, lag))])];
  if (wanted.length === 0) return { moved: none, arriving: none };
  const asked = new Set(answers.flatMap(({ shard, isAsked }) => (isAsked ? [shard] : [])));
  const unasked = config.shards.filter(
    ({ name }) => !asked.has(name) && late.some((one) => one.startsWith(`${name}:`)),
  );
  const more = unasked.length > MOST_ASKED_FOR_RATES ? [] : await visits.ask(unasked);
  const arriving = [...answers, ...more].flatMap(({ health }) =>
    (health?.rotation ?? []).flatMap(({ queue, inPerSecond }): [string, number][] =>
      inPerSecond === null ? [] : [[`${health?.name}:${queue}`, inPerSecond]],
    ),
  );
  // How quickly they get less is good to know; what is wrong is known without it.
  const moved = await inTime(
    () => link.use((central) => readMovedRates(central, wanted)).catch(() => none),
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
      new ShardVisits(config, performance.now() + TIMING.doctor.wholeMs).ask(shards),
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
