// How long a worker gets for the batch at hand when its slot is emptied, by the reason for it.

export interface StopOptions {
  /** What a batch at hand gets to finish, in ms, before its handler's signal is aborted. */
  readonly drainMs: number;
  /** What the handler gets after that, before the process is killed. */
  readonly abortMs: number;
}
