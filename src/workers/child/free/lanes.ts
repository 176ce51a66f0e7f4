// Limits how many calls are at work at a time, and waits until one more may begin, or until all have ended.

export class Lanes {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Starts without waiting; only while `isFree`. */
  start(work: () => Promise<void>): void {
    this.#running += 1;
    work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running -= 1;
        for (const resume of this.#waiting.splice(0)) resume();
      });
  }

  /** One more may begin. @throws what a piece of work threw, which is an error of ours. */
  get isFree(): boolean {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#running < this.#most;
  }

  /** The next one has ended, or the time is over. @returns false, at once, where none is at work. */
  async next(withinMs?: number): Promise<boolean> {
    if (this.#running === 0) return false;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (withinMs !== undefined) timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
    return true;
  }

  /** None is at work any more. @throws as above. */
  async idle(): Promise<void> {
    while (await this.next());
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
