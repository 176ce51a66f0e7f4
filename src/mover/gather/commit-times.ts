// How long commits into central took over the last minute, by central queue, for those who look at central.
//
// Invariant: of bounded size, however many commits there are: it goes to central with each beat.

const WINDOW = 60_000;
/** The newest ones of a queue. */
const MOST = 128;

interface SeenCommit {
  readonly atMs: number;
  readonly ms: number;
}

export class CommitTimes {
  readonly #seen = new Map<string, SeenCommit[]>();

  saw(queue: string, ms: number): void {
    const seen = this.#seen.get(queue) ?? [];
    seen.push({ atMs: performance.now(), ms });
    if (seen.length > MOST) seen.shift();
    this.#seen.set(queue, seen);
  }

  /** The median of each queue that had a commit, and of how many it is. */
  get medians(): Record<string, { readonly ms: number; readonly count: number }> {
    const sinceMs = performance.now() - WINDOW;
    return Object.fromEntries(
      [...this.#seen].flatMap(([queue, all]) => {
        const recent = all.filter(({ atMs }) => atMs >= sinceMs).map(({ ms }) => ms);
        const median = recent.toSorted((a, b) => a - b)[Math.floor(recent.length / 2)];
        return median === undefined ? [] : [[queue, { ms: Math.round(median), count: recent.length }]];
      }),
    );
  }
}
