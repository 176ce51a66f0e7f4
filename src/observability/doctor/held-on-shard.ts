// What one queue holds on its shard, and what keeps it from emptying its tables, asked of the shard itself.
import type { Config, Shard } from '../../config/config.ts';
import type { CapturedTable, CaptureState } from '../../install/capture/judge.ts';
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
  /** Tables whose changes become events of the queue, or should. */
  readonly captured: readonly CapturedHere[];
  /** What `doctor` says of the shard: sessions that hold it up, and queues that cannot rotate. */
  readonly diagnoses: readonly Diagnosis[];
}

export interface CapturedHere {
  readonly capture: string;
  readonly table: string;
  readonly state: CaptureState;
  /** In words: what is different, missing or wrong. */
  readonly why: readonly string[];
}

const NOTHING = {
  ...{ reason: null, bytes: null, bytesAnHour: null, rotatedAgo: null, rotatesEvery: null },
  ...{ consumer: null, consumerAge: null, isOurs: false, captured: [], diagnoses: [] },
} as const;

/** Never throws. */
export async function heldOnShard(
  shard: Shard,
  { queue, config }: { readonly queue: string; readonly config: Pick<Config, 'name' | 'captures'> },
): Promise<HeldOnShard> {
  const isFilled = config.captures?.some((capture) => capture.queue === queue) === true;
  const captures = isFilled ? config.captures : undefined;
  const asked = await askDatabase(shard, { installation: config.name, queues: [queue], captures });
  if (asked.reason !== undefined) return { ...NOTHING, reason: asked.reason };
  const { health } = asked;
  const diagnoses = worstFirst(databaseDiagnoses([health], { known: [], config }));
  const held = health.rotation.find((one) => one.queue === queue);
  const captured = capturedInto(queue, config, health.captured);
  if (held === undefined)
    return {
      ...NOTHING,
      captured,
      diagnoses,
      reason: `Queue ${queue} could not be looked at on shard ${shard.name}.`,
    };
  return {
    reason: null,
    bytes: held.bytes,
    bytesAnHour: held.bytesAnHour,
    rotatedAgo: held.switchedSeconds,
    rotatesEvery: held.periodSeconds,
    consumer: held.consumer,
    consumerAge: held.consumerAgeSeconds,
    isOurs: held.consumer?.startsWith(`tributary_${config.name}_`) ?? false,
    captured,
    diagnoses,
  };
}

function capturedInto(
  queue: string,
  { captures = [] }: Pick<Config, 'captures'>,
  tables: readonly CapturedTable[] = [],
): CapturedHere[] {
  const own = new Set(captures.flatMap((capture) => (capture.queue === queue ? [capture.name] : [])));
  return tables
    .filter(({ capture }) => own.has(capture))
    .map(({ capture, table, state, why }) => ({ capture, table, state, why }));
}
