// Whether a worker has to be killed, by the signs that it gives. Pure.
import { TIMING } from '../../../lifecycle/timing.ts';
import type { OfSlot } from '../occurrence.ts';

/** Blocked, or stopped. */
export function silence(silentMs: number, timeoutMs: number, isReady: boolean): OfSlot | undefined {
  const limitMs = timeoutMs + TIMING.slots.silenceSlackMs + (isReady ? 0 : TIMING.slots.startingMs);
  return silentMs < limitMs ? undefined : { kind: 'worker-silent', silentMs };
}

/** Alive, and waiting for what never comes. */
export function stall(stalledMs: number, timeoutMs: number): OfSlot | undefined {
  return stalledMs < timeoutMs + TIMING.slots.stallSlackMs
    ? undefined
    : { kind: 'worker-stalled', stalledMs };
}
