// How many bytes of events the mover holds over all sources, so that memory stays flat whatever the backlog.
//
// Readers reserve bytes as they arrive and free them when they are committed. A reader may hold half as much as is left for
// all others: one that reads a backlog finds its share used up while there is room for whoever comes next. Nobody can be
// stuck: the first that waits gets the permit, and may finish its window beyond the pool (up to `whole`).
// Invariant: reserved <= pool + what the one permit holder took beyond its share.

export interface Claim {
  /** Resolves when `bytes` more may be held; at once where there is room. */
  reserve(bytes: number): Promise<void> | undefined;
  /** Hands back the permit, if this claim holds it: its window is complete. */
  complete(): void;
  /** Frees bytes that are held no longer. */
  free(bytes: number): void;
}

interface Held {
  inPool: number;
  beyond: number;
}

interface Waiter {
  readonly held: Held;
  readonly bytes: number;
  readonly go: () => void;
}

/** Of what is left for all others. With more readers each one's share shrinks, and what is left does not vanish. */
const SHARE = 0.5;

export class MemoryBudget {
  readonly #pool: number;
  #inPool = 0;
  #beyond = 0;
  #oversized: Promise<void> = Promise.resolve();
  #oversizedWaiting = 0;
  #permit: Held | undefined;
  #waiting: Waiter[] = [];

  /** @param limit all bytes; @param whole the largest window that is never cut: the pool is what is left beside it. */
  constructor(limit: number, whole: number) {
    this.#pool = Math.max(limit - whole, Math.floor(limit / 4));
  }

  get used(): number {
    return this.#inPool + this.#beyond;
  }

  /** What one more reader could hold now. */
  get room(): number {
    return SHARE * (this.#pool - this.#inPool);
  }

  /** True while others wait for the place of a row that is too large to be held. */
  get isOversizeAwaited(): boolean {
    return this.#oversizedWaiting > 0;
  }

  /** Waits for the one place for a row that is too large to be held; resolves with how to leave it. */
  async oversize(): Promise<() => void> {
    const before = this.#oversized;
    let leave: () => void = () => {};
    this.#oversized = new Promise((resolve) => {
      leave = resolve;
    });
    this.#oversizedWaiting += 1;
    await before;
    this.#oversizedWaiting -= 1;
    return leave;
  }

  claim(): Claim {
    const held: Held = { inPool: 0, beyond: 0 };
    return {
      reserve: (bytes) => {
        if (this.#fits(held, bytes)) {
          this.#hold(held, bytes);
          return undefined;
        }
        if (this.#permit === held) {
          this.#overdraw(held, bytes);
          return undefined;
        }
        return new Promise((resolve) => {
          this.#waiting.push({ held, bytes, go: resolve });
          this.#admit();
        });
      },
      complete: () => {
        if (this.#permit === held) this.#permit = undefined;
        this.#admit();
      },
      free: (bytes) => {
        const beyond = Math.min(bytes, held.beyond);
        held.beyond -= beyond;
        this.#beyond -= beyond;
        this.#hold(held, beyond - bytes);
        this.#admit();
      },
    };
  }

  #fits({ inPool }: Held, bytes: number): boolean {
    return inPool + bytes <= SHARE * (this.#pool - this.#inPool + inPool);
  }

  #hold(held: Held, bytes: number): void {
    held.inPool += bytes;
    this.#inPool += bytes;
  }

  #overdraw(held: Held, bytes: number): void {
    held.beyond += bytes;
    this.#beyond += bytes;
  }

  /** Whoever fits goes, in the order in which they came; then, while nobody has it, the first one gets the permit. */
  #admit(): void {
    this.#waiting = this.#waiting.filter(({ held, bytes, go }) => {
      if (!this.#fits(held, bytes)) return true;
      this.#hold(held, bytes);
      go();
      return false;
    });
    // What the last holder took must be committed first.
    if (this.#permit !== undefined || this.#beyond > 0) return;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    this.#permit = first.held;
    this.#overdraw(first.held, first.bytes);
    first.go();
  }
}
