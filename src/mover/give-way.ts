// How much of its time a large commit leaves to the small ones beside it, from how long those take: with it, and without.
// One for all central queues of a mover: they share a server.
//
// Small commits that are no slower cost it nothing; where they are, it pauses more and more, up to three quarters of the time.

import { wait } from '../lifecycle/wait.ts';

/** So much goes without a pause. */
const BURST_BYTES = 256 * 1024;
const MOST = 0.75;
/** Slower by more than this is because of the large one. */
const TOLERANCE = 1.1;
const MORE = 0.05;
const LESS = 0.01;
/** How much the newest commit counts in each average. */
const NEWEST = 0.1;

export class GiveWay {
  #aloneMs: number | undefined;
  #besideMs: number | undefined;
  #share = 0;
  #largeUnderWay = 0;

  /** Runs a small commit, and takes its time. */
  async small<T>(commit: () => Promise<T>): Promise<T> {
    const wasBeside = this.#largeUnderWay > 0;
    const beganMs = performance.now();
    const done = await commit();
    this.took(performance.now() - beganMs, { isBeside: wasBeside || this.#largeUnderWay > 0 });
    return done;
  }

  /** Hands on the rows of a large commit, with pauses. */
  async *large(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    this.#largeUnderWay += 1;
    try {
      let bytes = 0;
      let beganMs = performance.now();
      for await (const chunk of chunks) {
        yield chunk;
        bytes += chunk.length;
        if (bytes < BURST_BYTES) continue;
        const pauseMs = this.pauseMs(performance.now() - beganMs);
        if (pauseMs >= 1) await wait(pauseMs);
        bytes = 0;
        beganMs = performance.now();
      }
    } finally {
      this.#largeUnderWay -= 1;
    }
  }

  /** A small commit took so long, beside a large one or alone. */
  took(ms: number, { isBeside }: { readonly isBeside: boolean }): void {
    if (!isBeside) {
      this.#aloneMs = average(this.#aloneMs, ms);
      this.#besideMs = undefined;
      return;
    }
    this.#besideMs = average(this.#besideMs, ms);
    const isSlower = this.#aloneMs !== undefined && this.#besideMs > this.#aloneMs * TOLERANCE;
    this.#share = isSlower ? Math.min(MOST, this.#share + MORE) : Math.max(0, this.#share - LESS);
  }

  /** How long to pause after having worked for `ms`. */
  pauseMs(ms: number): number {
    return (ms * this.#share) / (1 - this.#share);
  }
}

const average = (before: number | undefined, ms: number): number =>
  before === undefined ? ms : before + (ms - before) * NEWEST;
