// Whether a term is still ours: it is trusted from the START of the beat that renewed it, and its end comes early. Pure.

/** One uninterrupted holding of a resource. Compared as the pair (holder, epoch): epochs alone repeat after a failover. */
export interface Term {
  readonly resource: string;
  readonly holder: string;
  readonly epoch: number;
}

export interface Trust {
  /** When the attempt that renewed the term began, on this process's monotonic clock, in ms. */
  readonly renewedAtMs: number;
  readonly ttlMs: number;
  /** Trust ends this much before the server's `until`, for work that is under way at that moment. */
  readonly marginMs: number;
}

/** The moment, on the same clock, from which the term is not ours any more unless it is renewed. */
export function trustEndMs({ renewedAtMs, ttlMs, marginMs }: Trust): number {
  return renewedAtMs + Math.max(0, ttlMs - marginMs);
}

/** A clock that stands before the renewal was not ours: nothing is held. */
export function isTrusted(trust: Trust, nowMs: number): boolean {
  return nowMs >= trust.renewedAtMs && nowMs < trustEndMs(trust);
}

export function isSameTerm(a: Term | undefined, b: Term | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.resource === b.resource &&
    a.holder === b.holder &&
    a.epoch === b.epoch
  );
}
