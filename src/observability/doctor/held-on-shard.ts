// What one queue holds on its shard, and what keeps it from emptying its tables, asked of the shard itself.
import type { Config, Shard } from '../../config/config.ts';
import { type Diagnosis, worstFirst } from './diagnosis.ts';
import { databaseDiagnoses } from './judge-databases.ts';
import { askDatabase } from './read-database.ts';

/** Ages and times in seconds; null: not known, or there is none. */
export interface HeldOnShard {
  /** Why the shard could not be asked from here; then nothing else is known. */
  readonly reason: string | null;
  readonly bytes: number | null;
  readonly bytesAnHour: number | null;
  /** Since the last rotation, and how far they are apart at least. */
  readonly rotatedAgo: number | null;
  readonly rotatesEvery: number | null;
  /** The consumer furthest behind: tables it has not read are kept. */
  readonly consumer: string | null;
  readonly consumerAge: number | null;
  /** That consumer is the watermark of this installation. */
  readonly isOurs: boolean;
  /** What `doctor` says of the shard: sessions that hold it up, and queues that cannot rotate. */
  readonly diagnoses: readonly Diagnosis[];
}

const NOTHING = {
  ...{ reason: null, bytes: null, bytesAnHour: null, rotatedAgo: null, rotatesEvery: null },
  ...{ consumer: null, consumerAge: null, isOurs: false, diagnoses: [] },
} as const;

/** Never throws. */
export async function heldOnShard(
  shard: Shard,
  { queue, config }: { readonly queue: string; readonly config: Pick<Config, 'name'> },
): Promise<HeldOnShard> {
  const asked = await askDatabase(shard, { installation: config.name, queues: [queue] });
  if (asked.reason !== undefined) return { ...NOTHING, reason: asked.reason };
  const { health } = asked;
  const diagnoses = worstFirst(databaseDiagnoses([health], { known: [], config }));
  const held = health.rotation.find((one) => one.queue === queue);
  if (held === undefined)
    return { ...NOTHING, diagnoses, reason: `Queue ${queue} could not be looked at on shard ${shard.name}.` };
  return {
    reason: null,
    bytes: held.bytes,
    bytesAnHour: held.bytesAnHour,
    rotatedAgo: held.switchedSeconds,
    rotatesEvery: held.periodSeconds,
    consumer: held.consumer,
    consumerAge: held.consumerAgeSeconds,
    isOurs: held.consumer?.startsWith(`tributary_${config.name}_`) ?? false,
    diagnoses,
  };
}
