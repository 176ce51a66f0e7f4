// How long to wait before the next try: exponential with full jitter, in one place.

export interface BackoffOptions {
  /** First wait, in ms. */
  readonly firstMs: number;
  /** Longest wait, in ms. */
  readonly maxMs: number;
  /** Random number in [0, 1); replaced in tests. */
  readonly random?: () => number;
}

/** The wait before try `attempt` (1-based), in ms: between half and all of first · 2^(attempt-1), at most `maxMs`. */
export function backoffMs(attempt: number, { firstMs, maxMs, random = Math.random }: BackoffOptions): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full / 2 + (random() * full) / 2);
}
