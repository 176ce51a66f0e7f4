// The whole look of `doctor`: central, then every shard, in parallel and each within its time; then all judged together.
//
// Order: lag first, which knows the shards that cannot be reached: they are not waited for twice.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import pLimit from 'p-limit';
import { CentralLink } from '../../central/central-link.ts';
import type { Config, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { reachingServers } from '../../install/facts/reach.ts';
import { wantedSources } from '../../install/facts/sources.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Connection } from '../../postgres/connection.ts';
import { LagReader } from '../lag/reader.ts';
import type { LagReport } from '../lag/report.ts';
import { diagnosis, worstFirst } from './causes.ts';
import { CentralDoctor, diagnosesOf } from './central-doctor.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { CentralHealth, DatabaseHealth } from './facts.ts';
import { databaseDiagnoses } from './judge-databases.ts';
import { clockDiagnoses, healthDiagnoses } from './judge-health.ts';
import type { DiskFacts } from './judge-rotation.ts';
import { readDatabase } from './read-database.ts';

export interface DoctorReport {
  /** Undefined: central did not answer. */
  readonly lag: LagReport | undefined;
  /** The worst first. */
  readonly diagnoses: readonly Diagnosis[];
  /** Shards that could not be asked from here, though a mover may reach them. */
  readonly unasked: readonly { readonly shard: string; readonly reason: string }[];
}

const ASKED_AT_ONCE = 64;

/** @throws TributaryError where central is not installed, or refuses us for good. */
export async function examine(config: Config): Promise<DoctorReport> {
  const link = new CentralLink(config, 'doctor');
  try {
    const { lag, health, away } = await lookAtCentral(link, config);
    const unreachable = new Set(
      lag?.sources.filter(({ why }) => why?.cause === 'shard-away').map(({ shard }) => shard),
    );
    const asked = config.shards.filter(({ name }) => !unreachable.has(name));
    const answers = await askAll(asked, config);
    const shards = answers.flatMap(({ health: one }) => one ?? []);
    const databases = [...(health === undefined ? [] : [health.database]), ...shards];
    const known = [
      ...away,
      ...(lag === undefined ? [] : diagnosesOf(lag, config)),
      ...(health === undefined ? [] : healthDiagnoses(health, lag?.sources ?? [])),
      ...(health === undefined ? [] : clockDiagnoses(health.database, shards)),
    ];
    return {
      lag,
      diagnoses: worstFirst(databaseDiagnoses(databases, { known, config, disks: await disksOf(databases) })),
      unasked: answers.flatMap(({ shard, reason }) => (reason === undefined ? [] : [{ shard, reason }])),
    };
  } finally {
    await link.close();
  }
}

interface CentralLook {
  readonly lag?: LagReport;
  readonly health?: CentralHealth;
  /** That central does not answer. */
  readonly away: readonly Diagnosis[];
}

async function lookAtCentral(link: CentralLink, config: Config): Promise<CentralLook> {
  try {
    const lag = await new LagReader(config, link).read();
    const health = await new CentralDoctor(config, link).read();
    return { lag, health, away: [] };
  } catch (error) {
    if (kindOf(error) !== 'retryable') throw error;
    const sentence = sentenceFor(error, 'Central');
    return { away: [diagnosis('central-away', ['central'], { severity: 'broken', sentence })] };
  }
}

interface ShardLook {
  readonly shard: string;
  readonly health?: DatabaseHealth;
  readonly reason?: string;
}

async function askAll(shards: readonly Shard[], config: Config): Promise<ShardLook[]> {
  const limited = reachingServers();
  const limit = pLimit(ASKED_AT_ONCE);
  return await Promise.all(shards.map((shard) => limited(shard, () => limit(() => askOne(shard, config)))));
}

async function askOne(shard: Shard, config: Config): Promise<ShardLook> {
  const { name, schema } = shard;
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(shard, {
      applicationName: `tributary doctor ${config.name}`,
      connectTimeoutMs: TIMING.doctor.shardMs,
    });
    const queues = wantedSources(config).map(({ queue }) => queue);
    const asked = { name, database: shard, schema, queues };
    const health = await readDatabase(connection, asked, { timeoutMs: TIMING.doctor.shardMs });
    return { shard: name, health };
  } catch (error) {
    return { shard: name, reason: sentenceFor(error, `Shard ${name}`) };
  } finally {
    if (connection?.failed) connection.destroy();
    else void connection?.close();
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
