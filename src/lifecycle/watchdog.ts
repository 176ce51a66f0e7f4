// Sees which loops of a process stand still. One rule for all: a loop that counts no turn for `stillMs` is named and cut off.
//
// Every wait in a loop has an end of its own, far earlier; this is for the one that somebody forgot.
import { TIMING } from './timing.ts';

export interface Loop {
  /** As people are told of it: `shard app_017`. */
  readonly name: string;
  /** Counts turns, and progress within a turn; of several parts that go on by themselves, each one's. */
  readonly turns: number | readonly number[];
  /** Breaks off whatever it waits for; it takes no further turn. */
  abandon(): void;
}

export interface WatchdogOptions {
  readonly onStill: (loop: Loop, stillMs: number) => void;
  /** Longer than any wait within a turn. */
  readonly stillMs?: number;
}

interface Watched {
  readonly loop: Loop;
  readonly onStill: () => void;
  parts: readonly Part[];
}

interface Part {
  readonly turns: number;
  /** How often it was seen like this. */
  readonly looks: number;
}

/** Stillness is counted in looks: a process that was frozen did not look either. */
const LOOKS = 10;

export class Watchdog {
  readonly #onStill: WatchdogOptions['onStill'];
  readonly #stillMs: number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ onStill, stillMs = TIMING.watchdog.stillMs }: WatchdogOptions) {
    this.#onStill = onStill;
    this.#stillMs = stillMs;
  }

  /**
   * Watches a loop until the function that is returned is called.
   * @param onStill called behind `abandon`, once: the loop is watched no longer.
   */
  watch(loop: Loop, onStill: () => void): () => void {
    const watched = { loop, onStill, parts: [] };
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.#look(), this.#stillMs / LOOKS).unref();
    return () => this.#forget(watched);
  }

  #look(): void {
    for (const watched of [...this.#watched]) {
      const { loop, onStill, parts } = watched;
      watched.parts = [loop.turns].flat().map((turns, at) => {
        const before = parts[at];
        return { turns, looks: before?.turns === turns ? before.looks + 1 : 0 };
      });
      if (watched.parts.every(({ looks }) => looks < LOOKS)) continue;
      this.#forget(watched);
      this.#onStill(loop, this.#stillMs);
      loop.abandon();
      onStill();
    }
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
