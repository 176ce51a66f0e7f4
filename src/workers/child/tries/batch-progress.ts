// How far a worker is in the batch at hand, for those who watch.
//
// Invariant: an event that is called again, because a neighbour failed, counts once; what is passed corrects what was counted.

export interface ProgressFigures {
  /** Events that are done. */
  readonly done: number;
  /** About how many the batch has; undefined: not known. */
  readonly events?: number | undefined;
}

export class BatchProgress {
  #events: number | undefined;
  #passed = 0;
  /** Behind what is passed. */
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

  /** A call has come back with these events, and none of them failed. */
  called(events: readonly { readonly id: number }[]): void {
    const last = events.at(-1)?.id ?? this.#lastId;
    if (last <= this.#lastId) return;
    this.#lastId = last;
    this.#called += events.length;
  }

  /** These many more are behind the worker, whatever came of them. */
  passed(events: number): void {
    this.#passed += events;
    this.#called = 0;
  }

  /** All but so many events are done again. */
  again(passed: number): void {
    this.#passed = passed;
    this.#called = 0;
    this.#lastId = Number.NEGATIVE_INFINITY;
  }

  get figures(): ProgressFigures {
    const done = this.#passed + this.#called;
    // An estimate that was passed was none.
    const events = this.#events !== undefined && this.#events >= done ? this.#events : undefined;
    return { done, ...(events !== undefined && { events }) };
  }
}
