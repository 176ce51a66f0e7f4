// The nice(2) value of each queue's processes, so that queues share a host's processors by weight. Pure.
//
// The kernel divides processor time by niceness, about a quarter for each step: to the millisecond, without messages, and
// only where more processes want to run than there are processors. Handing out turns ourselves would cost a message for each
// batch, divide whole batches instead of milliseconds, and count workers that only wait.

export interface Share {
  readonly queue: string;
  readonly weight: number;
  /** Its processes on this host. */
  readonly workers: number;
}

/** Factor of processor time for one step less. */
const STEP = 1.25;
/** The largest step, about one sixtieth of the most favoured: the least weight still gets some time. */
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
