// Something to wait for that happens again and again: each `notify` ends the waits that had begun before it.

export class Signal {
  #resolve: () => void = () => {};
  #next = this.#renew();

  notify(): void {
    const resolve = this.#resolve;
    this.#next = this.#renew();
    resolve();
  }

  /** Resolves at the next `notify`, or after `mostMs`, where that is given. */
  async next(mostMs?: number): Promise<void> {
    if (mostMs === undefined) return await this.#next;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, mostMs);
    });
    await Promise.race([this.#next, late]);
    clearTimeout(timer);
  }

  #renew(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}
