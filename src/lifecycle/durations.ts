// Every duration of the system on one page: how often something is done, how long something is waited for, when something
// counts as old. In milliseconds (`…Ms`) or seconds (`…Seconds`); pairs `{ firstMs, maxMs }` are backoffs.
// Read them through `TIMING` (timing.ts): a test may shorten single ones.
// What users may set (leases apart, `adopt_after`, `attempts`, timeouts of handlers) has its default in `config/`. Durations
// inside SQL are in `sql/`. Of commands and of what is served they are beside it, in outer-durations.ts.

import { COMMAND_DURATIONS, DOCTOR_DURATIONS, HTTP_DURATIONS } from './outer-durations.ts';

export const DURATIONS = {
  connections: {
    /** How long closing a connection may take. */
    closeMs: 2_000,
    /** Between tries while central cannot be reached. */
    centralTrouble: { firstMs: 200, maxMs: 5_000 },
    /** Connecting to a server, login included. */
    connectMs: 5_000,
    /** Default limit of one call to a server. */
    callMs: 30_000,
    /** How long a cancelled statement has to end. */
    cancelMs: 5_000,
  },
  watchdog: {
    /** A loop that has nothing to do counts a turn this often. */
    longestRestMs: 5_000,
    /** A loop that counts no turn for this long stands still: the log names it, and it is begun anew. */
    stillMs: 300_000,
  },
  logs: {
    /** Failures of events that look alike are counted, and the count is logged this often. */
    foldEveryMs: 10_000,
    /** The log sums up what was moved and handled this often. */
    summaryMs: 10_000,
  },
  /** Leases of shards and of slots. */
  leases: {
    /** A holder that did not beat for this long has lost what it held. */
    leaseMs: 10_000,
    /** Leaving, and ending the backends of a predecessor, are given up after this: a lease ends by itself. */
    leaveMs: 5_000,
    endPredecessorMs: 2_000,
    /** Between beats that failed. */
    trouble: { firstMs: 200, maxMs: 2_000 },
    /** A mover beats this often. */
    moverBeatMs: 1_000,
    /** A host of workers beats this often: a changed number of workers takes effect within three beats. */
    workerBeatMs: 400,
  },
  /** The loop of one shard. */
  shard: {
    /** A round that has no answer by then is given up, and cancelled in the server too. */
    roundMs: 15_000,
    /** Between connections that failed. */
    trouble: { firstMs: 200, maxMs: 10_000 },
    /** Between tries of one source, where the failure is its own and not its shard's. */
    sourceTrouble: { firstMs: 500, maxMs: 60_000 },
    connectMs: 5_000,
    /** Connecting after a failure: a shard two seconds away needs some six to log in. */
    patientConnectMs: 10_000,
    /** A shard without events is asked this often. */
    idleMs: 1_000,
    /** Rounds of idle shards start together, at multiples of this: hundreds of them wake the process up ten times a second only. */
    idleCompanyMs: 100,
    /** While a source that can be read waits for central, the other sources of the shard are asked this often. */
    waitingMs: 100,
    /** Positions that only empty windows moved are stored this often. */
    idleFlushMs: 5_000,
    /** A queue that did not exist is looked for again this often. */
    missingQueueMs: 10_000,
    /** A round that takes longer gives its place under the limit of concurrent rounds to another. */
    roundPatienceMs: 500,
    /** Rounds read events themselves while events of the shard moved within this time; a quiet shard is cheaper read by a COPY now and then. */
    recentlyMovedMs: 5_000,
    /** Limit of the search for events that a restored shard hides from windows: it reads whole tables. */
    lookMs: 240_000,
    /** The watermark on the shard follows the position this often. */
    watermarkEveryMs: 5_000,
    /** Rotation and retries on the shard. */
    maintainEveryMs: 60_000,
  },
  /** When a queue of a shard is left to another ticker. */
  otherTicker: {
    /** After the last tick of another ticker we make none for this long. */
    yieldMs: 600_000,
    /** Two ticks not ours within this time mean another ticker; one alone may be a person at a console … */
    pairMs: 10_000,
    /** … and two closer together than this may be a mover that was frozen and wakes up. */
    apartMs: 400,
    /** An event that waited this long for a tick means that the other ticker is gone. */
    patienceMs: 5_000,
    /** Another mover of ours that has just lost the source, or takes it, may tick for this long: a lease and its end. */
    handoverMs: 15_000,
  },
  /** Windows read from a shard. */
  reading: {
    /** A COPY that sends no byte, or is not read, for this long is given up; the window is read again later. */
    copyMs: 15_000,
    /** The first byte of a large window: ten million events are sorted by then, also by a server that is busy with others. */
    largeWindowMs: 240_000,
    /** A large row that took this long counts as slow where too few bytes come. */
    slowRowMs: 30_000,
  },
  /** Parcels on their way into central. */
  gathering: {
    /** Between commits that failed. */
    trouble: { firstMs: 100, maxMs: 5_000 },
    /** A lane without anything to do looks for parcels this often. */
    idleMs: 1_000,
    /** A gathered commit that has no answer from central by then is given up. */
    commitMs: 30_000,
    /** A lane that had nothing to do for this long closes its connection; the quick lane never does. */
    restAfterMs: 60_000,
    /** Where no small parcel came for this long, both lanes may take large ones. */
    quietMs: 1_000,
    /** For this long after central refused an event of a source, no other source is committed together with it. */
    suspectMs: 600_000,
    /** Shorter pauses are added to the next one. */
    paceLeastPauseMs: 2,
    /** A central queue that is nearly full is filled with pauses of up to this. */
    longestPauseMs: 2_000,
    /** The one commit of a repair, and reading what central has of its source. */
    repairMs: 300_000,
  },
  /** Ticks of central queues, and its upkeep. */
  centralTicks: {
    /** Ticks of one queue are at least this far apart; so whatever follows ticks need not be faster. */
    apartMs: 20,
    /** Until a tick that failed is tried again. */
    retryMs: 250,
    /** Central’s upkeep ticks committed events that no tick covers. */
    upkeepEveryMs: 1_000,
    /** Rotation and retries of central. */
    maintainEveryMs: 10_000,
  },
  /** What movers report to central, and when it is believed. */
  reports: {
    /** A mover asks what operators changed. */
    syncEveryMs: 1_000,
    /** A mover measures how much central queues hold that have a limit. */
    backlogEveryMs: 2_000,
    /** A mover reports that what it said of its sources still holds … */
    lagEveryMs: 500,
    /** … and looks this often whether one has changed its state: that is reported at once. */
    lookEveryMs: 250,
    /** Figures that are off by little are reported anew after this, those that are off by more after `roughlyMs`. */
    figuresEveryMs: 3_000,
    roughlyMs: 1_000,
    /** What has not changed is written anew this often all the same. */
    renewMs: 60_000,
    /** A source that is behind and has not moved for this long waits for something. */
    stalledMs: 2_000,
    /** A source that moved within this time is shown as moving. */
    movingMs: 10_000,
    /** A shard that has not answered a round by then is shown as unreachable. */
    overdueMs: 900,
    /** A figure older than this means that something hangs, whatever it is: even idle shards are asked once a second. */
    silentMs: 10_000,
    /** While figures are younger, what they say holds: even an idle shard is asked more often. */
    standingMs: 2_500,
    /** An event that waits this long does not wait for an ordinary tick. */
    ticklessSeconds: 5,
    /** A mover that has not reported for this long is not believed. */
    reportFreshSeconds: 2,
    /** Older figures are not believed. */
    freshSeconds: 5,
    /** The same for a source that stands still: no mover asks for it, so its figures are old at once. */
    stillFreshSeconds: 2,
    /** One attempt to ask a shard. */
    askShardMs: 4_000,
    /** A shard that takes longer makes room for others. */
    slowShardMs: 200,
    /** A queue that is less behind has no backlog: `lag` gives no time until it has caught up. */
    backlogSeconds: 10,
    /** A later report asks anew where an answer is older than this. */
    answerMs: 2_000,
    /** Limit for reading what central knows of lag. */
    centralMs: 10_000,
  },
  pool: {
    /** How often it is looked whether all processes have ended. */
    endingMs: 100,
    /** A pool looks this often how many workers are wanted, and fills and empties its slots. */
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
  },
  slots: {
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
    /** A slot's trouble is reported for this long after it happened last. */
    troubleMs: 60_000,
  },
  worker: {
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
    idleNotified: { firstMs: 500, maxMs: 1_000 },
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
  },
  /** A handler, loaded and called. */
  handler: {
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
  },
  http: HTTP_DURATIONS,
  install: {
    /** Between tries of a step, where another transaction changed the same rows at once. */
    collisions: { firstMs: 40, maxMs: 1_000 },
    /** One step of install, the waiting for locks included. */
    stepMs: 150_000,
    /** A larger skew of clocks is warned of: times in lag and logs are hard to read then; nothing else rests on clocks. */
    clockSkewMs: 5_000,
  },
  doctor: DOCTOR_DURATIONS,
  commands: COMMAND_DURATIONS,
} as const;
