// Whether a batch is suspected of killing its workers. Pure.
import type { CoopBatch } from '../../../queue/coop.ts';
import type { FatalCall } from '../../protocol.ts';

/** A batch that was opened this often is suspected of killing its workers. */
const SUSPICIOUS_OPENINGS = 3;

export interface Suspicion {
  readonly isSuspected: boolean;
  /** The call that the last worker died in, where it is evidence against events of the batch. */
  readonly call: FatalCall | undefined;
}

/** @param suspect how the worker before this one died. */
export function suspicionOf(batch: CoopBatch, suspect: FatalCall | undefined): Suspicion {
  const isOften = batch.openings >= SUSPICIOUS_OPENINGS;
  const call = isOf(batch, suspect) && (suspect.isCertain || isOften) ? suspect : undefined;
  return { isSuspected: isOften || call !== undefined, call };
}

/** Where the call is not known, the batch is the one that a process in this slot had open when it died. */
function isOf(batch: CoopBatch, suspect: FatalCall | undefined): suspect is FatalCall {
  if (suspect === undefined || batch.openings < 2) return false;
  if (suspect.events === 0) return batch.takenOverFrom === undefined;
  return suspect.startTick === batch.startTick && suspect.endTick === batch.endTick;
}
