// Waiting: for a time that an AbortSignal cuts short, or for what happens again and again.

/** Resolves after `ms`, or at once (without an error) when `signal` aborts. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Something to wait for that happens again and again: each `notify` ends the waits that had begun before it. */
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
