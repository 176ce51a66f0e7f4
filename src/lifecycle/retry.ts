// Work that is tried again after trouble, longer apart each time: until it is done once, or turn after turn until stopped.
import { type BackoffOptions, backoffMs } from './backoff.ts';
import { wait } from './wait.ts';

export interface RetryTools {
  /** How long to wait after one failure, after two in a row, … */
  readonly backoff: BackoffOptions;
  /** Ends the waiting, and the work before its next try. */
  readonly signal?: AbortSignal | undefined;
  /** Called before the wait; what it throws ends the work. */
  onFailure(error: unknown, failure: Failure): void | Promise<void>;
}

export interface Failure {
  /** In a row, this one included. */
  readonly failures: number;
  /** Until the next try, in ms. */
  readonly waitMs: number;
}

/**
 * Calls `attempt` until it succeeds.
 * @returns what it returned; undefined: stopped before it did.
 * @throws what `onFailure` throws.
 */
export async function retry<T>(attempt: () => Promise<T>, tools: RetryTools): Promise<T | undefined> {
  for (let failures = 1; tools.signal?.aborted !== true; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      await afterFailure(error, failures, tools);
    }
  }
  return undefined;
}

/**
 * Calls `turn` again and again until stopped. A turn that takes long calls `onWell` while all is well, so that the failure
 * that ends it counts as the first one.
 * @throws what `onFailure` throws.
 */
export async function repeat(
  turn: (onWell: () => void) => Promise<void>,
  tools: RetryTools & { readonly signal: AbortSignal },
): Promise<void> {
  let failures = 0;
  const onWell = () => {
    failures = 0;
  };
  while (!tools.signal.aborted) {
    try {
      await turn(onWell);
      failures = 0;
    } catch (error) {
      failures += 1;
      await afterFailure(error, failures, tools);
    }
  }
}

async function afterFailure(
  error: unknown,
  failures: number,
  { backoff, onFailure, signal }: RetryTools,
): Promise<void> {
  const waitMs = backoffMs(failures, backoff);
  await onFailure(error, { failures, waitMs });
  await wait(waitMs, signal);
}
