// How large the next window of a source may become, learned from those before it.
import type { Window } from '../../shards/window.ts';
import { LateWriters } from './late-writers.ts';

/** A round looks at this many at least: where nothing is read they show how things stand. */
export const FEWEST_TICKS = 50;
const MOST_TICKS = 5_000;
const FEWEST_EVENTS = 100;
/** Before anything was read. */
const USUAL_ROW_BYTES = 200;
/** The weight of the newest parcel in what is known of the size of events. */
const LEARNING = 0.2;

export class WindowEstimate {
  readonly #lateWriters = new LateWriters();
  #ticks = FEWEST_TICKS;
  #rowBytes = USUAL_ROW_BYTES;

  /** How many ticks a round looks at: more while there are more than that. */
  get ticks(): number {
    return this.#ticks;
  }

  /** Most events, by sequence, that a window of this many bytes should hold. */
  eventsFor(bytes: number): number {
    return Math.max(FEWEST_EVENTS, Math.floor(bytes / this.#rowBytes));
  }

  /** Most events, by sequence, that this window may hold; asked for one window after the other. */
  mostEventsIn(window: Pick<Window, 'start' | 'end'>): number {
    return this.#lateWriters.mostEventsIn(window);
  }

  /** `hasMore`: there were more ticks than the round looked at. */
  noteTicks(hasMore: boolean): void {
    this.#ticks = hasMore ? Math.min(MOST_TICKS, this.#ticks * 4) : FEWEST_TICKS;
  }

  noteRows({ bytes, rows }: { readonly bytes: number; readonly rows: number }): void {
    if (rows > 0) this.#rowBytes = this.#rowBytes * (1 - LEARNING) + (bytes / rows) * LEARNING;
  }
}
