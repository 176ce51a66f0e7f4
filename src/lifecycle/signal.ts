// Something to wait for that happens again and again: each `told` ends the waits that had begun before it.

export class Signal {
  #tell: () => void = () => {};
  #next = this.#renew();

  notify(): void {
    const tell = this.#tell;
    this.#next = this.#renew();
    tell();
  }

  /** Until it is told, or, where a limit is given, so many ms have gone by. */
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
      this.#tell = resolve;
    });
  }
}
