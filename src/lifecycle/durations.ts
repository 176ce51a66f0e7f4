// Every duration of the system on one page: how often something is done, how long something is waited for, when something
// counts as old. In milliseconds (`…Ms`) or seconds (`…Seconds`); pairs `{ firstMs, maxMs }` are backoffs.
// Read them through `TIMING` (timing.ts): a test may shorten single ones.
// What users may set (leases apart, `adopt_after`, `attempts`, timeouts of handlers) has its default in `config/`. Durations
// inside SQL are in `sql/`.

export const DURATIONS = {
  connections: {
    /** How long the server may take to end a session that is closed. */
    closeMs: 2_000,
    /** Between tries where central is away. */
    centralTrouble: { firstMs: 200, maxMs: 5_000 },
    /** Until a server has let us in. */
    connectMs: 5_000,
    /** Until a call has its answer, where nothing else is said. */
    callMs: 30_000,
    /** How long a cancelled statement has to end. */
    cancelMs: 5_000,
  },
  watchdog: {
    /** A loop that has nothing to do counts a turn this often. */
    longestRestMs: 5_000,
    /** A loop that counts no turn for this long stands still: it is named in the log and begun anew. */
    stillMs: 300_000,
  },
  logs: {
    /** Equal failures of events are counted and said this often. */
    foldEveryMs: 10_000,
    /** What moved, and what was handled, is summed up this often. */
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
    /** A changed number is carried out within three beats. */
    workerBeatMs: 400,
  },
  /** The loop of one shard. */
  shard: {
    /** A round that was not answered by then is cancelled in the server, too. */
    roundMs: 15_000,
    /** Between connections that failed. */
    trouble: { firstMs: 200, maxMs: 10_000 },
    /** A source that fails by its own fault rests, longer each time. */
    sourceTrouble: { firstMs: 500, maxMs: 60_000 },
    connectMs: 5_000,
    /** After a failure, which told why: a shard two seconds away needs some six to log in. */
    patientConnectMs: 10_000,
    /** A shard without events is asked this often. */
    idleMs: 1_000,
    /** Hundreds of idle shards are asked in company: the process wakes up ten times a second for all of them. */
    idleCompanyMs: 100,
    /** While what can be read waits for central, others of the shard are looked at this often. */
    waitingMs: 100,
    /** Positions that only empty windows moved are stored this often. */
    idleFlushMs: 5_000,
    /** A queue that did not exist is looked for again this often. */
    missingQueueMs: 10_000,
    /** A round that takes longer no longer counts as one of those that may run at once. */
    roundPatienceMs: 500,
    /** Looking for events in the round itself costs a quiet shard more than a COPY now and then. */
    recentlyMovedMs: 5_000,
    /** Looking for events that central does not have reads whole tables. */
    lookMs: 240_000,
    /** What is moved is let go on the shard this often. */
    watermarkEveryMs: 5_000,
    /** Rotation and retries on the shard. */
    maintainEveryMs: 60_000,
  },
  /** When a queue of a shard is left to another ticker. */
  otherTicker: {
    /** After the last tick of another ticker we make none for this long. */
    yieldMs: 600_000,
    /** Two ticks of somebody else within this time mean another ticker; one may be a hand at a console … */
    pairMs: 10_000,
    /** … and two at once a mover that was frozen and wakes up. */
    apartMs: 400,
    /** An event that waited this long for a tick means that the other ticker is gone. */
    patienceMs: 5_000,
    /** A mover of ours that has just lost the source, or takes it, may tick meanwhile: as long as a lease and its end. */
    handoverMs: 15_000,
  },
  /** Windows read from a shard. */
  reading: {
    /** A COPY that gives no byte, or is not read, for this long is given up and taken up again later. */
    copyMs: 15_000,
    /** The first byte of a large window: ten million events are sorted by then, also by a server that is busy with others. */
    largeWindowMs: 240_000,
    /** From then on a large row counts as slow where too few bytes come. */
    slowRowMs: 30_000,
  },
  /** Parcels on their way into central. */
  gathering: {
    /** Between commits that failed. */
    trouble: { firstMs: 100, maxMs: 5_000 },
    /** A lane without anything to do looks around this often. */
    idleMs: 1_000,
    /** A gathered commit that central did not answer by then is given up. */
    commitMs: 30_000,
    /** A lane that had nothing to do for this long closes its connection; the quick lane never does. */
    restAfterMs: 60_000,
    /** Where nothing small came for this long, both lanes may take what is large. */
    quietMs: 1_000,
    /** For this long after central refused something of a source, others are not committed together with it. */
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
    /** Ticks of one queue are at least this far apart, so that nothing that follows ticks need come faster. */
    apartMs: 20,
    /** Until a tick that failed is tried again. */
    retryMs: 250,
    /** Central’s upkeep ticks what nobody ticked. */
    upkeepEveryMs: 1_000,
    /** Rotation and retries of central. */
    maintainEveryMs: 10_000,
  },
  /** What movers tell central, and when it is believed. */
  reports: {
    /** A mover asks what operators changed. */
    syncEveryMs: 1_000,
    /** A mover reports its figures. */
    lagEveryMs: 2_000,
    /** A source that moved within this time is shown as moving. */
    movingMs: 10_000,
    /** An older figure means that something hangs: idle shards are asked once a second. */
    silentMs: 10_000,
    /** An event that waits this long does not wait for an ordinary tick. */
    ticklessSeconds: 5,
    /** Older figures are not believed. */
    freshSeconds: 10,
    /** No mover looks at a source that stands still: a figure of one grows old at once. */
    stillFreshSeconds: 2,
    /** One attempt to ask a shard. */
    askShardMs: 4_000,
    /** A shard that takes longer makes room for others. */
    slowShardMs: 200,
    /** What waits for less is no backlog: nothing is said of when it will be done. */
    backlogSeconds: 10,
    /** A later report asks anew where an answer is older than this. */
    answerMs: 2_000,
    /** Until central has said what it knows of lag. */
    centralMs: 10_000,
  },
  pool: {
    /** How often it is looked whether all processes have ended. */
    endingMs: 100,
    /** A pool looks this often who shall work, and fills and empties its slots. */
    roundMs: 500,
    /** What the last words to central may take. */
    goodbyeMs: 2_000,
    /** Batches at hand are touched on behalf of the workers. */
    heartbeatEveryMs: 3_000,
    /** Four heartbeats that did not come, behind the one that was seen. */
    silentMemberMs: 12_000,
    /** Looks that are further apart have seen nothing in between. */
    memberLooksMs: 7_500,
    /** A connection that nobody speaks on may be dead without anybody knowing. */
    askEveryMs: 15_000,
    /** The next slot's turn, also where the old process of this one is not done with its batch by then. */
    rollingPatienceMs: 10_000,
    /** Between connections that listen for notifications. */
    listenTrouble: { firstMs: 200, maxMs: 10_000 },
  },
  slots: {
    /** At the end of the process: what a batch at hand gets to finish, and then its aborted handler. */
    stopping: { drainMs: 20_000, abortMs: 5_000 },
    /** Where another host shall have the slot. */
    lettingGo: { drainMs: 60_000, abortMs: 5_000 },
    /** Where the lease was lost: another host may have begun. */
    lost: { drainMs: 0, abortMs: 2_000 },
    /** What a process gets besides until it is ready, on a busy machine: killed too early it would never come up. */
    startingMs: 27_000,
    /** Beyond the handler's own time limit, before a silent process is killed. */
    silenceSlackMs: 3_000,
    /** The same for one that lives and gets on with nothing; it should have ended what takes too long by itself. */
    stallSlackMs: 30_000,
    /** Looks at the silence that are further apart say that this process itself did not run. */
    processLooksMs: 2_000,
    /** A handler that could not be loaded is tried again this often. */
    parkedMs: 15_000,
    /** Before a process that died is started again. */
    crashes: { firstMs: 100, maxMs: 10_000 },
    /** A younger process would be replaced for what it needs, not for what it has gathered. */
    youngMs: 10_000,
    /** After a successor that failed. */
    replacementRestMs: 15_000,
    /** What a successor gets to load the handler. */
    successorLoadMs: 60_000,
    /** A batch that is open this long is shown. */
    shownAfterMs: 5_000,
    /** The progress of a batch that takes long is logged this often. */
    toldEveryMs: 10_000,
    /** What a slot gets through in a second is taken over this time, and from this little of it on. */
    throughput: { leastMs: 10_000, windowMs: 60_000 },
    /** After the last trouble, nothing is said of it any more. */
    troubleMs: 60_000,
  },
  worker: {
    /** Before the process of a module that cannot be used ends: its message is sent by then. */
    unusableMs: 200,
    /** A worker says this often that it lives, and how it is doing. */
    pulseMs: 1_000,
    /** What a worker knows of its slot without a word from us: with the keeper's own trust, less than the lease. */
    leaseForMs: 2_000,
    /** The event loop of a worker is seen to turn this often. */
    breathEveryMs: 250,
    /** Looks that are further apart say that the process did not run, or was blocked, which is for others to see. */
    breathLooksMs: 5_000,
    /** Between looks for a batch where nobody woke the worker. */
    idle: { firstMs: 50, maxMs: 1_000 },
    /** Our own statements are short: a server that does not answer within this time is gone. */
    answerMs: 60_000,
    /** Deferred constraints of central are looked for this often. */
    constraintsEveryMs: 60_000,
    /** What the server grants a transaction beyond the handler's own time. */
    idleSlackMs: 15_000,
    /** Our statements follow one another at once. */
    freeIdleMs: 15_000,
    /** Progress of free handlers is committed this often; a death repeats no more. */
    freeCommitEveryMs: 2_000,
    /** While calls run it is looked this often whether something can be passed. */
    freeNoteEveryMs: 1_000,
    /** Calls that are still at work may succeed meanwhile. */
    probeEveryMs: 1_000,
    /** Between one probe and the next. */
    probes: { firstMs: 1_000, maxMs: 15_000 },
    /** What is said of the last events goes back this far. */
    triesWithinMs: 300_000,
    /** What is granted should have begun within this time, or starts of different moments would come together. */
    rateBegunMs: 250,
    /** Where other workers were quicker, the wait grows by this each time … */
    ratePatienceMs: 50,
    /** … and no more than this. */
    rateLongestPatienceMs: 1_000,
    /** A longer wait is interrupted, to see that the batch is still ours and to say that the worker lives. */
    rateLongestWaitMs: 5_000,
  },
  /** A handler, loaded and called. */
  handler: {
    /** What a module gets to load, the waiting at its top level included, and then its `setup`. */
    loadMs: 30_000,
    /** For the process to start, and to say what it found. */
    tryLoadSlackMs: 10_000,
    /** A process of its own finds the place of a mistake in a module. */
    askPlaceMs: 10_000,
    /** The process is let go by then, whatever is still open. */
    teardownMs: 5_000,
    /** What a handler gets after the signal, to come back by itself. */
    graceMs: 2_000,
    /** What is under way when a handler returns late gets at least this long. */
    settleMs: 1_000,
    /** What calls get after the worker was told to stop, to come back by themselves; the process is killed a little later. */
    freeGraceMs: 1_000,
  },
  install: {
    /** Where something else changed the same rows at once. */
    collisions: { firstMs: 40, maxMs: 1_000 },
    /** One step of install, the waiting for locks included. */
    stepMs: 150_000,
    /** A skew that makes times in lag and logs hard to read; nothing rests on clocks. */
    clockSkewMs: 5_000,
  },
  commands: {
    /** One commit of `dead retry`. */
    deadRetryMs: 60_000,
    /** Two signals so close are one press of a key that came by two ways. */
    samePressMs: 1_000,
    /** How long a command may take to let go after the second signal. */
    letGoMs: 2_000,
    /** How long it may take to stop after the program that forked us is gone. */
    orphanMs: 5_000,
    /** Before a mover that died is started again. */
    moverCrashes: { firstMs: 500, maxMs: 10_000 },
    /** A mover that lived this long did not die of its start. */
    moverSteadyMs: 10_000,
    /** What a mover gets to commit what it has read. */
    moverDrainMs: 20_000,
    /** `lag --watch` draws anew. */
    watchEveryMs: 1_000,
    /** A shard that does not answer must not hold up the picture. */
    watchPatienceMs: 800,
    /** `reload` looks whether all have been replaced. */
    reloadAskMs: 200,
  },
} as const;
