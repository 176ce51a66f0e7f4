// Durations of workers: their pool, their slots, their processes and the handlers in them. Part of the page that is table.ts.

export const POOL_DURATIONS = {
  /** How often it is looked whether all processes have ended. */
  endingMs: 100,
  /** A pool fills and empties its slots this often. */
  roundMs: 500,
  /** Limit for the last messages to central before the pool ends. */
  goodbyeMs: 2_000,
  /** Batches at hand are touched on behalf of the workers. */
  heartbeatEveryMs: 3_000,
  /** A member without a heartbeat for this long is gone: four missed ones behind the last. */
  silentMemberMs: 12_000,
  /** Looks at members that are further apart prove no silence: this process did not look in between. */
  memberLooksMs: 7_500,
  /** A quiet connection is asked this often whether it still works. */
  askEveryMs: 15_000,
  /** A rolling restart goes on to the next slot after this, even where the old process of this one has not finished its batch. */
  rollingPatienceMs: 10_000,
  /** Between connections that listen for notifications. */
  listenTrouble: { firstMs: 200, maxMs: 10_000 },
} as const;

export const SLOTS_DURATIONS = {
  /** When the process stops: time for the batch at hand to finish, and then for its aborted handler. */
  stopping: { drainMs: 20_000, abortMs: 5_000 },
  /** The same when the slot goes to another host. */
  lettingGo: { drainMs: 60_000, abortMs: 5_000 },
  /** The same when the lease was lost: another host may have begun. */
  lost: { drainMs: 0, abortMs: 2_000 },
  /** Additional time for a process to become ready on a busy machine: killed too early it would never come up. */
  startingMs: 27_000,
  /** Beyond the handler's own time limit, before a silent process is killed. */
  silenceSlackMs: 3_000,
  /** The same for a process that lives but makes no progress; it should have ended what takes too long by itself. */
  stallSlackMs: 30_000,
  /** Looks at a worker's silence that are further apart mean that this process itself did not run. */
  processLooksMs: 2_000,
  /** A handler that could not be loaded is tried again this often. */
  parkedMs: 15_000,
  /** Before a process that died is started again. */
  crashes: { firstMs: 100, maxMs: 10_000 },
  /** A younger process is not recycled for its memory: it is what the handler needs, not what has leaked. */
  youngMs: 10_000,
  /** After a successor that failed. */
  replacementRestMs: 15_000,
  /** Limit for a successor to load the handler. */
  successorLoadMs: 60_000,
  /** `lag` shows a batch that is open this long. */
  shownAfterMs: 5_000,
  /** The progress of a batch that takes long is logged this often. */
  reportEveryMs: 10_000,
  /** A slot's events a second are an average over `windowMs`, known after `leastMs`. */
  throughput: { leastMs: 10_000, windowMs: 60_000 },
  /** A slot's trouble is reported for this long after it happened last … */
  troubleMs: 60_000,
  /** … or until its worker has lived for this long with nothing waiting for it. */
  wellAfterMs: 5_000,
} as const;

export const WORKER_DURATIONS = {
  /** A process whose module cannot be used lives this much longer, so that its message is sent. */
  unusableMs: 200,
  /** A worker says this often that it lives, and how it is doing. */
  pulseMs: 1_000,
  /** A worker trusts its slot for this long without a message from the primary: with the keeper's own trust, less than the lease. */
  leaseForMs: 2_000,
  /** A worker whose calls never wait lets its event loop turn this often. */
  turnEveryMs: 250,
  /** Where a worker's looks at its own progress are further apart, it did not run or was blocked, which only the primary judges. */
  stallLooksMs: 5_000,
  /** Between looks for a batch where no notification woke the worker. */
  idle: { firstMs: 50, maxMs: 1_000 },
  /** The same where notifications arrive: each look that finds nothing costs central as much as half a batch. */
  idleNotified: { firstMs: 500, maxMs: 6_000 },
  /** Our own statements are short: a server that does not answer within this time is gone. */
  answerMs: 60_000,
  /** Deferred constraints of central are looked for this often. */
  constraintsEveryMs: 60_000,
  /** The server's limit for an idle transaction is the handler's own time and this. */
  idleSlackMs: 15_000,
  /** The same for a transaction without a handler: our statements follow one another at once. */
  freeIdleMs: 15_000,
  /** Progress of free handlers is committed this often; a death repeats at most this much work. */
  freeCommitEveryMs: 2_000,
  /** While calls of a free handler run, finished events are noted this often. */
  freeNoteEveryMs: 1_000,
  /** While the breaker is open and calls are still at work, their success is looked for this often. */
  probeEveryMs: 1_000,
  /** Between one probe and the next. */
  probes: { firstMs: 1_000, maxMs: 15_000 },
  /** The figures of the last events tried go back this far. */
  triesWithinMs: 300_000,
  /** Granted events should start within this time, or grants of different moments would start together. */
  rateBegunMs: 250,
  /** Where other workers took the grant first, the wait grows by this each time … */
  ratePatienceMs: 50,
  /** … up to this. */
  rateLongestPatienceMs: 1_000,
  /** A longer wait for the rate is interrupted, to check that the batch is still ours and to send a sign of life. */
  rateLongestWaitMs: 5_000,
} as const;

/** A handler, loaded and called. */
export const HANDLER_DURATIONS = {
  /** Limit for a module to load, its top-level await included, and then for its `setup`. */
  loadMs: 30_000,
  /** Beyond `loadMs`, for the process that tries to load a handler to start and to answer. */
  tryLoadSlackMs: 10_000,
  /** Limit for the process that finds the place of a mistake in a module. */
  askPlaceMs: 10_000,
  /** Limit for `teardown`; then the process ends, whatever is still open. */
  teardownMs: 5_000,
  /** Time for a handler to return after its signal was aborted. */
  graceMs: 2_000,
  /** Statements under way when a handler returns late get at least this long. */
  settleMs: 1_000,
  /** Time for calls of a free handler to return after the worker has to stop; the process is killed a little later. */
  freeGraceMs: 1_000,
} as const;
