// How long a worker gets for the batch at hand when its slot is emptied, by the reason for it.
import { TIMING } from '../../../lifecycle/timing.ts';

export interface StopOptions {
  /** What a batch at hand gets to finish, in ms, before its handler's signal is aborted. */
  readonly drainMs: number;
  /** What the handler gets after that, before the process is killed. */
  readonly abortMs: number;
}

/** The whole host stops. */
export const STOPPING: StopOptions = TIMING.slots.stopping;
/** A worker that is no longer wanted may take its time. */
export const LETTING_GO: StopOptions = TIMING.slots.lettingGo;
/** Another host may fill the slot by now. */
export const LOST: StopOptions = TIMING.slots.lost;
