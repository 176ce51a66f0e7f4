// How nice the workers of each queue are to the others, so that queues share a host's processors by weight. Pure.
//
// The kernel shares processors among processes by niceness, each step being about a quarter: always, to the millisecond,
// without anybody asking for a turn, and only where there are more that want to run than processors. Handing out turns
// ourselves would cost a message per batch, give whole batches instead of milliseconds, and count those who only wait.

export interface Share {
  readonly queue: string;
  readonly weight: number;
  /** Its processes on this host. */
  readonly workers: number;
}

/** Processor time for one step less. */
const STEP = 1.25;
/** Still one sixtieth of the most favoured: no weight is nothing. */
const NICEST = 19;

/** Steps below the most favoured queue, for each process of a queue: its weight is shared by its workers. */
export function nicenessOf(shares: readonly Share[]): ReadonlyMap<string, number> {
  const running = shares.filter(({ workers }) => workers > 0);
  const most = Math.max(...running.map(({ weight, workers }) => weight / workers));
  return new Map(
    running.map(({ queue, weight, workers }) => [
      queue,
      Math.max(0, Math.min(NICEST, Math.round(Math.log((most * workers) / weight) / Math.log(STEP)))),
    ]),
  );
}
