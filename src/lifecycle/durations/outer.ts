// Durations of commands and of what is served over HTTP: the second part of the page that is table.ts.

export const COMMAND_DURATIONS = {
  /** One commit of `dead retry`. */
  deadRetryMs: 60_000,
  /** How long a word to systemd may take. */
  notifyMs: 10_000,
  /** Two signals closer together are one press of a key that came by two ways. */
  samePressMs: 1_000,
  /** How long a command may take to end after the second signal. */
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
  /** `shard drain` looks how much is left. */
  drainAskMs: 250,
  /** How often it says so where there is no terminal. */
  drainSayMs: 5_000,
  /** Producers wait for at most this long while the end of a shard is made. */
  writersWaitMs: 2_000,
  /** A piece of `apply copy` is to take about this long: the worker that applies changes waits for it. */
  pieceMs: 100,
  /** And no longer than this, also where a table without an index is one piece. */
  copyPieceMs: 3_600_000,
  /** With `--cut` they also wait until what they have written is moved. */
  cutMs: 5_000,
} as const;

export const FLEET_DURATIONS = {
  /** A process looks this often whether its file has changed, and whether a query is due. */
  lookEveryMs: 1_000,
  /** Limit for one answer of a query for shards. */
  queryMs: 10_000,
  /** A query that failed is asked again after this, or after its `every` where that is shorter. */
  queryAgainMs: 5_000,
  /** Between tries to install a shard by itself. */
  installTrouble: { firstMs: 2_000, maxMs: 300_000 },
} as const;

export const DOCTOR_DURATIONS = {
  /** An event that waits longer is late, as for readiness. */
  lateSeconds: 60,
  /** Of a queue that gets more than is handled, events that wait longer are worth a word. */
  growingSeconds: 30,
  /** A handler whose events take longer is slow, however many workers there are. */
  slowEventSeconds: 1,
  /** A transaction that is open this long is looked at … */
  transactionSeconds: 60,
  /** … and is worth a word of its own after this, even where nothing waits for it yet. */
  longTransactionSeconds: 600,
  /** One of our sessions waits this long for a lock. */
  lockSeconds: 5,
  /** A queue that could have rotated this long ago and has not. */
  rotationSeconds: 900,
  /** A tick of a queue that gets events is younger. */
  recentTickSeconds: 120,
  /** Events that died within this time count as new. */
  deadSeconds: 600,
  /** Readers of a mover have waited for memory all this time. */
  memorySeconds: 30,
  /** Commits on central that take longer are slow: the median of the last minute. */
  slowCommitMs: 1_000,
  /** Clocks that differ by more. */
  clockSkewMs: 5_000,
  /** A slot or a standby that holds rows this many transactions old … */
  heldTransactions: 1_000_000,
  /** … or a slot that nobody uses and that keeps this much WAL. */
  slotBytes: 1_073_741_824,
  /** A copy of a table of which no piece was copied for this long stands still. */
  copySeconds: 60,
  /** What takes longer to be caught up counts as never. */
  longestOutlookSeconds: 604_800,
  /** What central knows beyond lag is read again after this. */
  centralEveryMs: 5_000,
  /** What a mover saw of a shard longer ago says nothing: it is asked. */
  seenSeconds: 150,
  /** Limit for reading what movers saw. */
  seenMs: 2_000,
  /** Limit for one shard's connection and answer. */
  shardMs: 5_000,
  /** What a shard that took nearly all of it to let us in gets for its answer all the same. */
  leastMs: 500,
  /** Limit for central's. */
  centralMs: 5_000,
  /** Limit for all that is asked of central, and for all shards beside it; what did not answer by then is said. */
  wholeMs: 10_000,
  /** Beyond the server's own limit, for the answer to come. */
  answerSlackMs: 500,
} as const;

export const HTTP_DURATIONS = {
  clients: {
    /** Limits for a client to send its headers, and its whole request. */
    headersMs: 5_000,
    requestMs: 10_000,
    /** A connection is cut that takes nothing of an answer for this long. */
    stuckMs: 10_000,
    /** A connection waits this long for the next request: longer than scrapers wait between two. */
    idleMs: 65_000,
    /** Late clients are looked for this often. */
    lookEveryMs: 1_000,
  },
  /** A reading of central is used again within this time. */
  keptMs: 500,
  /** Limit for an answer of central; without one its figures are not known. */
  centralMs: 2_000,
  /** Limit for all that one request of the dashboard asks of central. */
  askMs: 8_000,
  /** What a page asks for besides the state is answered from the last answer within this time; the curves of a queue within that. */
  answerKeptMs: 900,
  historyKeptMs: 5_000,
  /** What is costly to ask central for metrics is asked this often. */
  slowMs: 15_000,
  /** A shard whose source somebody looks at is asked anew after this: longer than one is waited for. */
  shardMs: 6_000,
  /** A connection without a query is closed after this. */
  poolIdleMs: 60_000,
  /** The dashboard is given a new state this often. */
  stateMs: 1_000,
  /** A retry of dead events says on central this often how far it is, and is over for others after this without a word. */
  runBeatMs: 1_000,
  runSilentMs: 15_000,
  /** A browser whose stream has ended comes again after this. */
  comeAgainMs: 1_000,
  /** A browser that gave the token need not give it again for this long. */
  sessionMs: 43_200_000,
  /** Wrong tokens are counted for this long. */
  wrongTokensMs: 60_000,
  /** A forked mover reports its state this often … */
  sendEveryMs: 1_000,
  /** … a report is believed for this long … */
  moverFreshMs: 10_000,
  /** … and a mover without one for this long does not live. */
  moverSilentMs: 30_000,
} as const;

export const LIVE_DURATIONS = {
  /** After messages were read, those of the next moment are read together. */
  togetherMs: 10,
  /** Without a notification central is asked this often at least; closer together while messages come that way. */
  look: { firstMs: 50, maxMs: 1_000 },
  trouble: { firstMs: 100, maxMs: 2_000 },
  /** Messages stay in memory this long, for streams that are slow or come again. */
  keptMs: 300_000,
  /** Reading goes on this long after the last stream has ended: it may come again. */
  lingerMs: 60_000,
  /** A stream that has nothing to send says that it is there. */
  heartbeatMs: 15_000,
  /** A stream whose reader takes nothing for this long is ended. */
  slowMs: 20_000,
  /** A browser whose stream has ended comes again after this. */
  comeAgainMs: 1_000,
  /** A handler's progress is published this often at most. */
  progressEveryMs: 300,
  /** The connection for it is closed when there was none for this long. */
  progressIdleMs: 60_000,
  /** A producer that waits for an answer tries again after this while nobody answers. */
  callAgainMs: 250,
  /** The token of a wait outlives it by this: clocks differ. */
  callSlackMs: 60_000,
} as const;
