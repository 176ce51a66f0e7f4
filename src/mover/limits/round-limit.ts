// How many shards are asked at once: enough to keep the servers busy, not so many that every answer waits for all others.
import { TIMING } from '../../lifecycle/timing.ts';

export class RoundLimit {
  readonly #limit: number;
  /** A round that takes longer no longer counts: a shard that hangs must not hold up the healthy ones. */
  readonly #patienceMs: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  /** When each that runs began. */
  readonly #begun = new Map<symbol, number>();

  constructor({ limit, patienceMs }: { limit: number; patienceMs: number }) {
    this.#limit = limit;
    this.#patienceMs = patienceMs;
  }

  /** Whether a shard is being asked since a moment ago: it will probably answer in a moment. */
  get hasJustBegun(): boolean {
    const sinceMs = performance.now() - TIMING.gathering.companyMs;
    for (const atMs of this.#begun.values()) if (atMs > sinceMs) return true;
    return false;
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    const id = Symbol();
    this.#begun.set(id, performance.now());
    let isCounted = true;
    const leave = () => {
      if (!isCounted) return;
      isCounted = false;
      this.#running -= 1;
      this.#waiting.shift()?.();
    };
    const timer = setTimeout(leave, this.#patienceMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      this.#begun.delete(id);
      leave();
    }
  }
}
