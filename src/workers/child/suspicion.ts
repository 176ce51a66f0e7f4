// Whether a batch is held to kill its workers. Pure.
import type { CoopBatch } from '../../queue/coop.ts';
import type { Suspect } from '../protocol.ts';

/** Opened so often, a batch is held to kill its workers. */
const OPENINGS_OF_A_KILLER = 3;

export interface Suspicion {
  readonly isKiller: boolean;
  /** The call that the last worker died in, where it says enough to look for a killer there. */
  readonly call: Suspect | undefined;
}

/** @param suspect what the worker before this one died in. */
export function suspicionOf(batch: CoopBatch, suspect: Suspect | undefined): Suspicion {
  const isOften = batch.openings >= OPENINGS_OF_A_KILLER;
  const isOfBatch =
    batch.openings > 1 && suspect?.startTick === batch.startTick && suspect.endTick === batch.endTick;
  const call = isOfBatch && (suspect.isCertain || isOften) ? suspect : undefined;
  return { isKiller: isOften || call !== undefined, call };
}
