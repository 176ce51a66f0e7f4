// How long a worker gets for the batch at hand when its slot is emptied.

export interface StopOptions {
  /** Time for the batch at hand to finish, in ms, before its handler's signal is aborted. */
  readonly drainMs: number;
  /** Time for the handler after that, before the process is killed. */
  readonly abortMs: number;
}
