// How many of the last events that a worker tried have failed, for `lag`. Pure.
//
// Invariant: counts about MOST events, none of them older than a few minutes.
import { TIMING } from '../../../lifecycle/timing.ts';

/** Events that are remembered. */
const MOST = 400;
/** Most characters of an error. */
const LONGEST = 300;

export interface TriedFigures {
  readonly tried: number;
  readonly failed: number;
  /** Error of the last event that failed. */
  readonly error?: string | undefined;
}

interface Entry {
  readonly atMs: number;
  readonly tried: number;
  readonly failed: number;
}

export class RecentTries {
  /** In each entry either all events failed or none. */
  #entries: Entry[] = [];
  #error: string | undefined;

  done(events: number, nowMs: number): void {
    if (events > 0) this.#add({ atMs: nowMs, tried: Math.min(events, MOST), failed: 0 });
  }

  failed(message: string, nowMs: number): void {
    this.#error = message.length > LONGEST ? `${message.slice(0, LONGEST - 1)}…` : message;
    this.#add({ atMs: nowMs, tried: 1, failed: 1 });
  }

  figures(nowMs: number): TriedFigures {
    this.#entries = this.#entries.filter(({ atMs }) => nowMs - atMs < TIMING.worker.triesWithinMs);
    const tried = sumOf(this.#entries.map((entry) => entry.tried));
    const failed = sumOf(this.#entries.map((entry) => entry.failed));
    return { tried, failed, ...(failed > 0 && { error: this.#error }) };
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    let surplus = sumOf(this.#entries.map(({ tried }) => tried)) - MOST;
    while (surplus > 0) {
      const [oldest] = this.#entries as [Entry];
      surplus -= oldest.tried;
      this.#entries.shift();
      // The rest of the entry failed or succeeded like the part that is dropped.
      if (surplus < 0)
        this.#entries.unshift({
          ...oldest,
          tried: -surplus,
          failed: oldest.failed === 0 ? 0 : -surplus,
        });
    }
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);
