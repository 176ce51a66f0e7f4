// The one shape of everything that runs: it starts, reports its end, and stops in two steps (stop fetching, then stop).

/** Something that runs until it is stopped. */
export interface Service {
  readonly name: string;
  /** Resolves when the service has ended by itself or after `stop`; rejects when it cannot go on. */
  run(): Promise<void>;
  /** Take no new work, finish what was begun, end. Safe to call more than once. */
  stop(): Promise<void>;
}
