// How many bytes of events the mover holds over all sources, so that memory stays flat whatever the backlog.
//
// Readers reserve bytes as they arrive and free them when they are committed. A reader may hold half as much as is left for
// all others: one that reads a backlog finds its share used up while there is room for the next one. No reader can be stuck:
// the first that waits gets the permit, and may finish its window beyond the pool (up to `whole`).
// Invariant: reserved <= pool + what the one permit holder took beyond its share.

export interface Claim {
  /** Resolves when `bytes` more may be claimed; at once where there is room. */
  reserve(bytes: number): Promise<void> | undefined;
  /** Hands back the permit, if this claim holds it: its window is complete. */
  complete(): void;
  /** Frees bytes that are claimed no longer. */
  free(bytes: number): void;
}

interface Claimed {
  inPool: number;
  beyond: number;
}

interface Waiter {
  readonly claimed: Claimed;
  readonly bytes: number;
  readonly go: () => void;
}

/** Of what is left for all others. With more readers each one's share shrinks, and what is left does not vanish. */
const SHARE = 0.5;

export class MemoryBudget {
  #limit = 0;
  #pool = 0;
  #inPool = 0;
  #beyond = 0;
  #oversized: Promise<void> = Promise.resolve();
  #oversizedWaiting = 0;
  #permit: Claimed | undefined;
  #waiting: Waiter[] = [];
  /** Since when there has always been one that waits. */
  #waitingSinceMs: number | undefined;

  /** @param limit all bytes; @param whole the largest window that is never cut: the pool is what is left beside it. */
  constructor(limit: number, whole: number) {
    this.resize(limit, whole);
  }

  /** From here on it has as much; what is claimed beyond that is freed as it is committed. */
  resize(limit: number, whole: number): void {
    this.#limit = limit;
    this.#pool = Math.max(limit - whole, Math.floor(limit / 4));
    this.#admit();
  }

  /** All bytes that it has to give. */
  get limit(): number {
    return this.#limit;
  }

  get used(): number {
    return this.#inPool + this.#beyond;
  }

  /** As `doctor` reads it. */
  get figures() {
    return { used: this.used, limit: this.#limit, waitingSeconds: Math.round(this.waitingMs / 1_000) };
  }

  /** How long there has been a reader that waits, without a moment in between. */
  get waitingMs(): number {
    return this.#waitingSinceMs === undefined ? 0 : performance.now() - this.#waitingSinceMs;
  }

  /** What one more reader could hold now. */
  get room(): number {
    return SHARE * (this.#pool - this.#inPool);
  }

  /** True while others wait for the place of a row that is too large for memory. */
  get isOversizeAwaited(): boolean {
    return this.#oversizedWaiting > 0;
  }

  /** Waits for the one place for a row that is too large for memory; resolves with how to leave it. */
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
    const claimed: Claimed = { inPool: 0, beyond: 0 };
    return {
      reserve: (bytes) => {
        if (this.#fits(claimed, bytes)) {
          this.#take(claimed, bytes);
          return undefined;
        }
        if (this.#permit === claimed) {
          this.#overdraw(claimed, bytes);
          return undefined;
        }
        return new Promise((resolve) => {
          this.#waiting.push({ claimed, bytes, go: resolve });
          this.#waitingSinceMs ??= performance.now();
          this.#admit();
        });
      },
      complete: () => {
        if (this.#permit === claimed) this.#permit = undefined;
        this.#admit();
      },
      free: (bytes) => {
        const beyond = Math.min(bytes, claimed.beyond);
        claimed.beyond -= beyond;
        this.#beyond -= beyond;
        this.#take(claimed, beyond - bytes);
        this.#admit();
      },
    };
  }

  #fits({ inPool }: Claimed, bytes: number): boolean {
    return inPool + bytes <= SHARE * (this.#pool - this.#inPool + inPool);
  }

  #take(claimed: Claimed, bytes: number): void {
    claimed.inPool += bytes;
    this.#inPool += bytes;
  }

  #overdraw(claimed: Claimed, bytes: number): void {
    claimed.beyond += bytes;
    this.#beyond += bytes;
  }

  /** Admits the waiting ones that fit, in the order in which they came; then the first one gets the permit, if it is free. */
  #admit(): void {
    this.#admitNow();
    if (this.#waiting.length === 0) this.#waitingSinceMs = undefined;
  }

  #admitNow(): void {
    this.#waiting = this.#waiting.filter(({ claimed, bytes, go }) => {
      if (!this.#fits(claimed, bytes)) return true;
      this.#take(claimed, bytes);
      go();
      return false;
    });
    // What the last holder took must be committed first.
    if (this.#permit !== undefined || this.#beyond > 0) return;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    this.#permit = first.claimed;
    this.#overdraw(first.claimed, first.bytes);
    first.go();
  }
}
