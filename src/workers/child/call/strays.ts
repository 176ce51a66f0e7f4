// Uncaught errors: a promise that was not waited for, a callback that threw. Each is attributed to the call of the handler
// that it comes from, which fails by it; the process is replaced after the batch, for the error may have left anything behind.
//
// Invariant: a call that has ended is never blamed.
import { AsyncLocalStorage } from 'node:async_hooks';

export type StrayKind = 'rejection' | 'exception';

/** One call of the handler, and the error that it left uncaught. */
export class WatchedCall {
  #failure: { readonly error: unknown } | undefined;
  readonly #onStray: (error: unknown, kind: StrayKind) => void;

  /** @param onStray called with the first uncaught error. */
  constructor(onStray: (error: unknown, kind: StrayKind) => void) {
    this.#onStray = onStray;
  }

  /** The error that it left uncaught while it was at work. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  run<T>(work: () => T): T {
    atWork.add(this);
    return current.run(this, work);
  }

  end(): void {
    atWork.delete(this);
  }

  note(error: unknown, kind: StrayKind): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#onStray(error, kind);
  }
}

const current = new AsyncLocalStorage<WatchedCall>();
const atWork = new Set<WatchedCall>();

/** @returns whether it comes from a call at work, which fails by it, or from one that has ended; undefined: from none. */
export function noteStray(error: unknown, kind: StrayKind): 'at-work' | 'over' | undefined {
  const [first] = atWork;
  const call = current.getStore() ?? (atWork.size === 1 ? first : undefined);
  if (call === undefined) return undefined;
  if (!atWork.has(call)) return 'over';
  call.note(error, kind);
  return 'at-work';
}
