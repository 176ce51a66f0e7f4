// How long a worker gets for the batch at hand when its slot is emptied, by the reason for it.

export interface StopOptions {
  /** What a batch at hand gets to finish, in ms, before its handler's signal is aborted. */
  readonly drainMs: number;
  /** What the handler gets after that, before the process is killed. */
  readonly abortMs: number;
}

/** The whole host stops. */
export const STOPPING: StopOptions = { drainMs: 20_000, abortMs: 5_000 };
/** A worker that is no longer wanted may take its time. */
export const LETTING_GO: StopOptions = { drainMs: 60_000, abortMs: 5_000 };
/** Another host may fill the slot by now. */
export const LOST: StopOptions = { drainMs: 0, abortMs: 2_000 };
