// Sees which loops of a process stand still. One rule for all: a loop that counts no turn for `stillMs` is named and cut off.
//
// Every wait in a loop has a limit of its own, far shorter; this is for a wait whose limit was forgotten.
import { TIMING } from './timing.ts';

export interface Loop {
  /** For the log: `shard app_017`. */
  readonly name: string;
  /** Counts turns, and progress within a turn; one number for each part that goes on by itself. */
  readonly turns: number | readonly number[];
  /** Breaks off whatever the loop waits for; it takes no further turn. */
  abandon(): void;
}

/** What is looked at of a loop. */
export type SeenLoop = Pick<Loop, 'name' | 'turns'>;

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
  /** How often the loop was seen with the same count. */
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
   * @param onStill called once, after `abandon`; the loop is not watched any more.
   */
  watch(loop: Loop, onStill: () => void): () => void {
    const watched = { loop, onStill, parts: [] };
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.#look(), this.#stillMs / LOOKS).unref();
    return () => this.#forget(watched);
  }

  /** All that are watched. */
  get loops(): readonly Loop[] {
    return [...this.#watched].map(({ loop }) => loop);
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
