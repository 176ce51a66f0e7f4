// Whether a worker has to be killed, by the signs that it gives. Pure.
import type { OfSlot } from '../occurrence.ts';

/** Beyond the handler's own time limit, before a silent process is killed. */
const SILENCE_SLACK_MS = 3_000;
/** What a process gets besides until it is ready, on a busy machine: killed too early it would never come up. */
const STARTING_MS = 27_000;
/** The same for one that lives and gets on with nothing; it should have ended what takes too long by itself. */
const STALL_SLACK_MS = 30_000;

/** Blocked, or stopped. */
export function silence(silentMs: number, timeoutMs: number, isReady: boolean): OfSlot | undefined {
  const limitMs = timeoutMs + SILENCE_SLACK_MS + (isReady ? 0 : STARTING_MS);
  return silentMs < limitMs ? undefined : { kind: 'worker-silent', silentMs };
}

/** Alive, and waiting for what never comes. */
export function stall(stalledMs: number, timeoutMs: number): OfSlot | undefined {
  return stalledMs < timeoutMs + STALL_SLACK_MS ? undefined : { kind: 'worker-stalled', stalledMs };
}
