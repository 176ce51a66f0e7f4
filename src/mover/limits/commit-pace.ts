// How fast large commits may go beside small ones, from how long those take: with a large one, and without. One for all
// central queues of a mover: they share a server.
//
// What counts is bytes a second: central works on what it was sent long after we have sent it, so that pauses of ours which
// only follow our own sending leave it as busy as before.
// Small commits that are no slower cost a large one nothing; where they are, it goes slower and slower, down to `LEAST`.
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';

/** Bytes a ms. Central takes more only where nothing else is asked of it. */
const MOST = 64 * 1024;
/** A gigabyte a minute: a backlog must come to its end, too. */
const LEAST = 16 * 1024;
/**
 * Of small commits that are alone so many take less than what counts as slow: a tenth of them is slow anyway. Beside a large
 * one it goes slower from a sixth on: there the two factors below weigh each other up.
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
  /** When what was sent so far should have been sent. */
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

  /** A small commit took so long, beside a large one or alone. */
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

  /** How long to pause after having sent so much. */
  #pauseMs(bytes: number): number {
    const { pace } = this;
    if (pace === undefined) return 0;
    const nowMs = performance.now();
    this.#dueMs = Math.max(this.#dueMs, nowMs - TIMING.gathering.paceLeastPauseMs) + bytes / pace;
    return this.#dueMs - nowMs;
  }
}
