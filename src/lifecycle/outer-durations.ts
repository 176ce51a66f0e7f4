// Durations of commands and of what is served over HTTP: the second part of the page that is durations.ts.

export const COMMAND_DURATIONS = {
  /** One commit of `dead retry`. */
  deadRetryMs: 60_000,
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
} as const;

export const HTTP_DURATIONS = {
  clients: {
    /** A client has sent its headers by then, and its whole request. */
    headersMs: 5_000,
    requestMs: 10_000,
    /** A connection on which nothing moves while an answer is sent. */
    stuckMs: 10_000,
    /** A connection waits this long for the next request: longer than those who scrape let pass in between. */
    idleMs: 65_000,
    /** Late clients are looked for this often. */
    lookEveryMs: 1_000,
  },
  /** What was read from central is good for whoever asks within this time. */
  keptMs: 1_000,
  /** Central has answered by then, or what it knows is not known. */
  centralMs: 3_000,
  /** A connection that nobody asks on is closed after this. */
  poolIdleMs: 60_000,
  /** A forked mover says this often how it is … */
  sendEveryMs: 1_000,
  /** … what it said is believed for this long … */
  moverFreshMs: 10_000,
  /** … and one that says nothing for this long does not live. */
  moverSilentMs: 30_000,
} as const;
