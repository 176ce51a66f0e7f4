// Paces large commits so that small ones stay fast: compares how long small commits take with and without a large one beside
// them. One for all central queues of a mover: they share a server.
//
// The limit is bytes a second: central works on rows long after we have sent them, so that pauses after our own sending alone
// would leave it as busy as before.
// While small commits are no slower, a large one is not slowed; else it goes slower and slower, down to `LEAST`.
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';

/** Bytes a ms. Central takes more only where it has nothing else to do. */
const MOST = 64 * 1024;
/** A gigabyte a minute: a backlog must come to its end, too. */
const LEAST = 16 * 1024;
/**
 * This share of small commits that are alone is not slow; a tenth is slow anyway. A large commit goes slower where more than
 * a sixth beside it are slow: there the two factors below balance.
 */
const QUICK_SHARE = 0.9;
const SLOWER = 0.93;
const FASTER = 1.015;
/** How fast what counts as slow is learned: some hundred commits. */
const LEARNING = 0.01;

export class CommitPace {
  /** Longer than nine tenths of the small commits that are alone. */
  #slowMs: number | undefined;
  #pace: number | undefined;
  #smallAtMs = Number.NEGATIVE_INFINITY;
  /** When the bytes sent so far should have been sent. */
  #dueMs = 0;
  #largeUnderWay = 0;
  #smallUnderWay = 0;

  /** Runs a small commit, and takes its time. */
  async small<T>(commit: () => Promise<T>): Promise<T> {
    const wasBeside = this.#largeUnderWay > 0;
    const beganMs = performance.now();
    this.#smallUnderWay += 1;
    try {
      const done = await commit();
      this.took(performance.now() - beganMs, { isBeside: wasBeside || this.#largeUnderWay > 0 });
      return done;
    } finally {
      this.#smallUnderWay -= 1;
    }
  }

  /** Hands on the rows of a large commit, with pauses. */
  async *large(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    this.#largeUnderWay += 1;
    try {
      for await (const chunk of chunks) {
        yield chunk;
        const pauseMs = this.#pauseMs(chunk.length);
        if (pauseMs >= TIMING.gathering.paceLeastPauseMs) await wait(pauseMs);
      }
    } finally {
      this.#largeUnderWay -= 1;
    }
  }

  /** Bytes a ms that all large commits together may send; undefined: as fast as central takes them. */
  get pace(): number | undefined {
    const isQuiet =
      this.#smallUnderWay === 0 && performance.now() - this.#smallAtMs > TIMING.gathering.quietMs;
    return isQuiet ? undefined : this.#pace;
  }

  /** A small commit took `ms`, beside a large one or alone. */
  took(ms: number, { isBeside }: { readonly isBeside: boolean }): void {
    this.#smallAtMs = performance.now();
    if (!isBeside) {
      const slowMs = this.#slowMs ?? 2 * ms;
      this.#slowMs = slowMs * (1 + LEARNING * (ms > slowMs ? QUICK_SHARE : QUICK_SHARE - 1));
    } else if (this.#slowMs !== undefined && ms > this.#slowMs) {
      this.#pace = Math.max(LEAST, (this.#pace ?? MOST) * SLOWER);
    } else if (this.#pace !== undefined) {
      const faster = this.#pace * FASTER;
      this.#pace = faster < MOST ? faster : undefined;
    }
  }

  /** How long to pause after sending this many bytes. */
  #pauseMs(bytes: number): number {
    const { pace } = this;
    if (pace === undefined) return 0;
    const nowMs = performance.now();
    this.#dueMs = Math.max(this.#dueMs, nowMs - TIMING.gathering.paceLeastPauseMs) + bytes / pace;
    return this.#dueMs - nowMs;
  }
}
