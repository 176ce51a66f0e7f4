// How many events of a source were condemned within the last hour.

/** More in an hour are no bad events: the constraint or expression that refuses them is wrong. */
const MOST_AN_HOUR = 100;
const HOUR_MS = 3_600_000;

export class CondemnedCount {
  #atMs: number[] = [];

  /** How many more may be condemned now. */
  get left(): number {
    const sinceMs = performance.now() - HOUR_MS;
    this.#atMs = this.#atMs.filter((atMs) => atMs > sinceMs);
    return MOST_AN_HOUR - this.#atMs.length;
  }

  add(events: number): void {
    this.#atMs.push(...Array.from({ length: events }, () => performance.now()));
  }
}
