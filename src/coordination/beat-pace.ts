// How often a member beats: closely while leases change hands, so that what one lets go another takes soon; once a second while
// they do not, for each beat is a commit on central, and there are many members.
import { TIMING } from '../lifecycle/timing.ts';

export class BeatPace {
  readonly #movingEveryMs: number;
  readonly #calmEveryMs: number;
  #movedMs: number;

  /** @param beatMs between beats while leases change hands. @param ttlMs how long leases last without a beat. */
  constructor({ beatMs, ttlMs }: { readonly beatMs: number; readonly ttlMs: number }, nowMs: number) {
    this.#movingEveryMs = beatMs;
    this.#calmEveryMs = Math.max(beatMs, Math.min(TIMING.leases.beatMs, ttlMs / 5));
    this.#movedMs = nowMs;
  }

  /** Leases are about to change hands, or do. */
  moves(nowMs: number): void {
    this.#movedMs = nowMs;
  }

  everyMs(nowMs: number): number {
    return nowMs - this.#movedMs > TIMING.leases.movingMs ? this.#calmEveryMs : this.#movingEveryMs;
  }
}
