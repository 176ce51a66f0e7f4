// How far a worker is in the batch at hand, for `lag` and the log.
//
// Invariant: an event that is called again, because another of its group failed, counts once; passed events correct the count.

export interface ProgressFigures {
  /** Events that are done. */
  readonly done: number;
  /** About how many the batch has; undefined: not known. */
  readonly events?: number | undefined;
}

export class BatchProgress {
  #events: number | undefined;
  #passed = 0;
  /** Events called and not passed yet. */
  #called = 0;
  #lastId = Number.NEGATIVE_INFINITY;

  opened(): void {
    this.#events = undefined;
    this.again(0);
  }

  /** @param events about how many the batch has, with those that are done. */
  estimated(events: number): void {
    this.#events = events;
  }

  get isEstimated(): boolean {
    return this.#events !== undefined;
  }

  /** A call with these events has returned, and none of them failed. */
  called(events: readonly { readonly id: number }[]): void {
    const last = events.at(-1)?.id ?? this.#lastId;
    if (last <= this.#lastId) return;
    this.#lastId = last;
    this.#called += events.length;
  }

  /** This many more are settled, whatever came of them. */
  passed(events: number): void {
    this.#passed += events;
    this.#called = 0;
  }

  /** All events but this many are done again. */
  again(passed: number): void {
    this.#passed = passed;
    this.#called = 0;
    this.#lastId = Number.NEGATIVE_INFINITY;
  }

  get figures(): ProgressFigures {
    const done = this.#passed + this.#called;
    // An estimate that is exceeded is dropped.
    const events = this.#events !== undefined && this.#events >= done ? this.#events : undefined;
    return { done, ...(events !== undefined && { events }) };
  }
}
