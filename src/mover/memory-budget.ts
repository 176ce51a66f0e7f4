// How many bytes of events the mover holds over all sources, so that memory stays flat whatever the backlog.
//
// Readers reserve bytes as they arrive and free them when they are committed. Nobody can be stuck: when the pool is used
// up, one reader at a time holds the permit and may finish its window beyond the pool (up to `whole`); the others wait.
// Invariant: reserved <= pool + what the one permit holder took.

export interface Claim {
  /** Resolves when `bytes` more may be held; at once where the pool has room. */
  reserve(bytes: number): Promise<void> | undefined;
  /** Hands back the permit, if this claim holds it: its window is complete. */
  complete(): void;
  /** Frees bytes that are held no longer. */
  free(bytes: number): void;
}

interface Waiter {
  readonly claim: object;
  readonly bytes: number;
  readonly go: () => void;
}

export class MemoryBudget {
  readonly #pool: number;
  #used = 0;
  #oversized: Promise<void> = Promise.resolve();
  #permit: object | undefined;
  readonly #waiting: Waiter[] = [];

  /** @param limit all bytes; @param whole the largest window that is never cut: the pool is what is left beside it. */
  constructor(limit: number, whole: number) {
    this.#pool = Math.max(limit - whole, Math.floor(limit / 4));
  }

  get used(): number {
    return this.#used;
  }

  /** True while readers wait for room: then windows should be small. */
  get isTight(): boolean {
    return this.#waiting.length > 0;
  }

  /** Waits for the one place for a row that is too large to be held; resolves with how to leave it. */
  async oversize(): Promise<() => void> {
    const before = this.#oversized;
    let leave: () => void = () => {};
    this.#oversized = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }

  claim(): Claim {
    const claim: Claim = {
      reserve: (bytes) => {
        if (this.#permit === claim || (this.#waiting.length === 0 && this.#used + bytes <= this.#pool)) {
          this.#used += bytes;
          return undefined;
        }
        return new Promise((resolve) => {
          this.#waiting.push({
            claim,
            bytes,
            go: () => {
              this.#used += bytes;
              resolve();
            },
          });
          this.#admit();
        });
      },
      complete: () => {
        if (this.#permit === claim) this.#permit = undefined;
        this.#admit();
      },
      free: (bytes) => {
        this.#used -= bytes;
        this.#admit();
      },
    };
    return claim;
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const hasRoom = this.#used + next.bytes <= this.#pool;
      // A permit is given only while the pool is not overdrawn: what the last holder took must be committed first.
      if (!hasRoom && (this.#permit !== undefined || this.#used > this.#pool)) return;
      if (!hasRoom) this.#permit = next.claim;
      this.#waiting.shift();
      next.go();
    }
  }
}
