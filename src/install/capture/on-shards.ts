// Captures on all shards at once: looks at them, gives tables their triggers, takes them off. Central is not needed.
import type { Config, Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import type { Connection } from '../../postgres/connection.ts';
import { type DatabaseFacts, readFacts } from '../facts/database.ts';
import { reachingWith } from '../facts/reach.ts';
import { findProvider, findUnfit } from '../plan/provider.ts';
import { placeOfShard } from '../plan/shard-plan.ts';
import { carryOutCapture } from './carry-out.ts';
import type { CapturedTable } from './judge.ts';
import { type CapturePlan, type CaptureWork, planCapture } from './plan.ts';
import { readTables } from './tables.ts';

/** What became of one shard. */
export interface CaptureRow {
  readonly shard: string;
  /** Without secrets. */
  readonly url: string;
  /** As they were before; undefined: it could not be looked at, and the only failure says why. */
  readonly tables: readonly CapturedTable[] | undefined;
  /** What was to be done. */
  readonly work: readonly CaptureWork[];
  /** What was done, in words. */
  readonly did: readonly string[];
  /** What could not be done, or looked at. */
  readonly failures: readonly string[];
  /** Why tables cannot be captured. */
  readonly refusals: readonly string[];
  /** What else the plan finds wrong. */
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
}

export interface CaptureOptions {
  readonly only?: ReadonlySet<string> | undefined;
  /** What is to be done to the tables of a shard; default: what the plan says. */
  readonly choose?: (plan: CapturePlan) => readonly CaptureWork[];
  readonly isDryRun: boolean;
  readonly onRow?: (row: CaptureRow) => void;
}

/** A row for each shard, in the order of the file. An error of a shard is in its row. */
export async function captureOnShards(
  config: Config,
  { only, choose = ({ work }) => work, isDryRun, onRow = () => {} }: CaptureOptions,
): Promise<CaptureRow[]> {
  const reach = reachingWith({ applicationName: 'tributary capture', asAdmin: true });
  const shards = config.shards.filter(({ name }) => only?.has(name) !== false);
  return await Promise.all(
    shards.map(async (shard) => {
      const row = await reach(shard, async (connection) => {
        const found = await lookAtShard(connection, config, shard);
        if (typeof found === 'string') return failed(shard, found);
        const work = choose(found);
        const done = isDryRun
          ? { did: [], failures: [] }
          : await carryOutCapture(connection, work, placeOfShard(shard));
        return rowOf(shard, { ...found, work, ...done });
      }).catch((error: unknown) => failed(shard, sentenceFor(error, placeOfShard(shard))));
      onRow(row);
      return row;
    }),
  );
}

const rowOf = (shard: Shard, row: Omit<CaptureRow, 'shard' | 'url'>): CaptureRow => ({
  ...{ shard: shard.name, url: shard.displayUrl },
  ...row,
});

const failed = (shard: Shard, failure: string): CaptureRow =>
  rowOf(shard, {
    ...{
      tables: undefined,
      work: [],
      did: [],
      failures: [failure],
      refusals: [],
      mistakes: [],
      warnings: [],
    },
  });

/** A sentence where the database cannot be used at all. */
async function lookAtShard(
  connection: Connection,
  config: Config,
  shard: Shard,
): Promise<CapturePlan | string> {
  const facts = await readFacts(connection, {
    schema: shard.schema,
    queues: [...new Set(config.captures?.map(({ queue }) => queue))],
    runtimeRole: shard.user,
    adminRole: shard.admin?.user,
  });
  const place = placeOfShard(shard);
  const provider = findProvider(facts, shard.schema, place);
  const unfit = findUnfit(facts, place) ?? ('mistake' in provider ? provider.mistake : undefined);
  if (unfit !== undefined) return unfit;
  return await captureOnShard(connection, { config, shard, facts });
}

/** @param options.comingQueues that are not there yet, and will be before any trigger is. */
export async function captureOnShard(
  connection: Connection,
  {
    config,
    shard,
    facts: { queues, server },
    comingQueues = [],
  }: {
    readonly config: Config;
    readonly shard: Shard;
    readonly facts: Pick<DatabaseFacts, 'queues' | 'server'>;
    readonly comingQueues?: readonly string[];
  },
): Promise<CapturePlan> {
  const taking = [...queues.wanted.values()].flatMap((one) => (one.insertsDisabled ? [] : [one.name]));
  return planCapture({
    ...{ config, shard, place: placeOfShard(shard), role: server.role },
    facts: await readTables(connection, config, shard),
    queues: new Set([...taking, ...comingQueues]),
  });
}
