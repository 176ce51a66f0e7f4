// Counts the wrong tokens of the last minute or so, by address.
//
// Invariant: a guess is compared only while its address has not guessed too much. What is counted is forgotten with time, and
// all of it at once.

/** From one address. */
const MOST = 10;
/** Of all addresses together: so many people do not mistype. */
const MOST_IN_ALL = 100;

export class WrongTokens {
  readonly #keptMs: number;
  #sinceMs = performance.now();
  #all = 0;
  readonly #byAddress = new Map<string, number>();

  /** @param keptMs how long they are counted. */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  isTooMany(address: string): boolean {
    this.#forget();
    return (this.#byAddress.get(address) ?? 0) >= MOST;
  }

  get isTooManyInAll(): boolean {
    this.#forget();
    return this.#all >= MOST_IN_ALL;
  }

  /** After which the client may try again, in whole seconds. */
  get retryAfter(): number {
    return Math.ceil(this.#keptMs / 1_000);
  }

  note(address: string): void {
    this.#all += 1;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  #forget(): void {
    if (performance.now() - this.#sinceMs <= this.#keptMs) return;
    this.#sinceMs = performance.now();
    this.#all = 0;
    this.#byAddress.clear();
  }
}
