// Whether a batch is suspected of killing its workers. Pure.
import type { CoopBatch } from '../../../queue/coop.ts';
import type { FatalCall } from '../../protocol.ts';

/** Opened so often, a batch is suspected of killing its workers. */
const OPENINGS_OF_A_KILLER = 3;

export interface Suspicion {
  readonly isKiller: boolean;
  /** How the last worker died, where it says enough to look for a killer. */
  readonly call: FatalCall | undefined;
}

/** @param suspect how the worker before this one died. */
export function suspicionOf(batch: CoopBatch, suspect: FatalCall | undefined): Suspicion {
  const isOften = batch.openings >= OPENINGS_OF_A_KILLER;
  const call = isOf(batch, suspect) && (suspect.isCertain || isOften) ? suspect : undefined;
  return { isKiller: isOften || call !== undefined, call };
}

/** Where the call is not known, the batch is the one that a process in this slot had open when it died. */
function isOf(batch: CoopBatch, suspect: FatalCall | undefined): suspect is FatalCall {
  if (suspect === undefined || batch.openings < 2) return false;
  if (suspect.events === 0) return batch.takenOverFrom === undefined;
  return suspect.startTick === batch.startTick && suspect.endTick === batch.endTick;
}
