// Every duration of the system on one page: how often something is done, how long something is waited for, when something
// counts as old. In milliseconds (`…Ms`) or seconds (`…Seconds`); pairs `{ firstMs, maxMs }` are backoffs.
// Read them through `TIMING` (../timing.ts): a test may shorten single ones.
// What users may set (leases apart, `adopt_after`, `attempts`, timeouts of handlers) has its default in `config/`. Durations
// inside SQL are in `sql/`. Those of workers are in workers.ts, of commands and of what is
// served in outer.ts, of delayed events and schedules in delays.ts.

import { DELAY_DURATIONS, SCHEDULE_DURATIONS, SPOOL_DURATIONS } from './delays.ts';
import {
  COMMAND_DURATIONS,
  DOCTOR_DURATIONS,
  FLEET_DURATIONS,
  HTTP_DURATIONS,
  LIVE_DURATIONS,
} from './outer.ts';
import { HANDLER_DURATIONS, POOL_DURATIONS, SLOTS_DURATIONS, WORKER_DURATIONS } from './workers.ts';

export const DURATIONS = {
  connections: {
    /** How long closing a connection may take. */
    closeMs: 2_000,
    /** Between tries while central cannot be reached. */
    centralTrouble: { firstMs: 200, maxMs: 5_000 },
    /** Connecting to a server, login included. */
    connectMs: 5_000,
    /** Where a URL names several servers, one that has not answered by then has company by the next. */
    nextServerMs: 1_000,
    /** While none of several servers takes writes, they are asked this often at least. */
    failoverMs: 2_000,
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
    /** A member beats this often, and looks with each beat at what others hold … */
    beatMs: 1_000,
    /** … a host of workers this often while slots change hands: a changed number of workers takes effect within three beats … */
    workerBeatMs: 400,
    /** … and for this long after they did. */
    movingMs: 3_000,
    /** An answer that was under way for longer than twice this does not tell how far our clock is from central's. */
    clockWithinMs: 2_000,
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
    /** All its queues are asked this often for what no sequence and no tick shows. */
    exactMs: 900,
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
    /** What its queues hold is looked at this often, for `doctor`. */
    seenEveryMs: 60_000,
  },
  /** When a table of central that changes all the time is written anew. */
  piledTables: {
    /** For the lock; sessions that come meanwhile wait as long, and then for a moment … */
    patienceMs: 10,
    /** … and for that of a table that has become larger. */
    mostPatienceMs: 250,
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
    /** Few small parcels wait this long at most for those that rounds are just finding … */
    companyMs: 12,
    /** … and look this often whether any still are. */
    companyLookMs: 3,
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
    /** A central queue whose disk is nearly full is filled with pauses of up to this. */
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
  delays: DELAY_DURATIONS,
  schedules: SCHEDULE_DURATIONS,
  spool: SPOOL_DURATIONS,
  /** What movers report to central, and when it is believed. */
  reports: {
    /** A mover asks what operators changed. */
    syncEveryMs: 1_000,
    /** What shards find out within this time about a central that lost something is one note. */
    olderMs: 2_000,
    /** A mover measures how much central queues hold that have a limit. */
    backlogEveryMs: 2_000,
    /** The same while shards have more for one than they may bring: after a look that found much room, and after many that found little. */
    roomMs: { firstMs: 100, maxMs: 1_000 },
    /** A mover reports that what it said of its sources still holds … */
    lagEveryMs: 500,
    /** … and looks this often whether one has changed its state: that is reported at once. */
    lookEveryMs: 250,
    /** Figures that are off by little are reported anew after this, those that are off by more after `roughlyMs`. */
    figuresEveryMs: 3_000,
    roughlyMs: 1_000,
    /** What has not changed is written anew this often all the same. */
    renewMs: 60_000,
    /** What was seen of shards is reported together, this often. */
    shardsEveryMs: 10_000,
    /** A source that is behind and has not moved for this long waits for something. */
    stalledMs: 2_000,
    /** A source that moved within this time is shown as moving. */
    movingMs: 10_000,
    /** A shard that has not answered a round by then is shown as unreachable. */
    overdueMs: 900,
    /** The same for bytes of a COPY: before the first one it has more to do than for a round. */
    copyOverdueMs: 1_500,
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
  pool: POOL_DURATIONS,
  slots: SLOTS_DURATIONS,
  worker: WORKER_DURATIONS,
  handler: HANDLER_DURATIONS,
  http: HTTP_DURATIONS,
  /** What is published on channels, on its way to browsers. */
  live: LIVE_DURATIONS,
  install: {
    /** Between tries of a step, where another transaction changed the same rows at once. */
    collisions: { firstMs: 40, maxMs: 1_000 },
    /** One step of install, the waiting for locks included. */
    stepMs: 150_000,
    /** A table that gets a trigger is waited for this long: its writers wait meanwhile. */
    captureLockMs: 1_500,
    /** Between such tries. */
    captureLocks: { firstMs: 300, maxMs: 3_000 },
    /** A larger skew of clocks is warned of: times in lag and logs are hard to read then; nothing else rests on clocks. */
    clockSkewMs: 5_000,
  },
  fleet: FLEET_DURATIONS,
  doctor: DOCTOR_DURATIONS,
  commands: COMMAND_DURATIONS,
} as const;
