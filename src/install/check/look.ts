// Looks at central and all shards at once with the runtime role: one connection each, nothing written.
import type { Config, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import type { ConnectOptions } from '../../postgres/connection.ts';
import { type Reach, reachingWith } from '../facts/reach.ts';
import { placeOfCentral } from '../plan/central-plan.ts';
import { placeOfShard } from '../plan/shard-plan.ts';
import { type CheckedCentral, checkCentral } from './check-central.ts';
import { readShard, type ShardReading } from './check-shard.ts';
import { type CheckRow, unreachableRow } from './row.ts';

export interface Look {
  readonly central: ReachedCentral;
  /** In the order of the file. */
  readonly shards: readonly ShardLook[];
}

export async function look(config: Config, options: ConnectOptions): Promise<Look> {
  const reach = reachingWith(options);
  const [central, ...shards] = await Promise.all([
    reachCentral(reach, config),
    ...config.shards.map((shard) => reachShard(reach, shard, config)),
  ]);
  return { central, shards };
}

export interface ReachedCentral extends Partial<CheckedCentral> {
  readonly row: CheckRow;
}

async function reachCentral(reach: Reach, config: Config): Promise<ReachedCentral> {
  try {
    return await reach(config.central, (connection) => checkCentral(connection, config));
  } catch (error) {
    const problem = sentenceFor(error, placeOfCentral(config));
    return {
      row: unreachableRow('central', config.central, {
        wanted: config.queues.length,
        problem,
        isRefused: isRefusal(error),
      }),
    };
  }
}

export interface ShardLook {
  readonly shard: Shard;
  readonly reading?: ShardReading;
  /** Why there is no reading. */
  readonly problem?: string;
  /** A server answered. */
  readonly isRefused?: boolean;
}

async function reachShard(reach: Reach, shard: Shard, config: Config): Promise<ShardLook> {
  try {
    return { shard, reading: await reach(shard, (connection) => readShard(connection, shard, { config })) };
  } catch (error) {
    return { shard, problem: sentenceFor(error, placeOfShard(shard)), isRefused: isRefusal(error) };
  }
}

/** An error with an SQLSTATE comes from a server that was reached. */
const isRefusal = (error: unknown): boolean => sqlstateOf(error) !== undefined;
