// How long a worker may be silent, or make no progress, before it is killed. Pure.
import { TIMING } from '../../../lifecycle/timing.ts';
import type { OfSlot } from '../occurrence.ts';

/** For a worker without a sign of life: it is blocked or stopped. */
export function silence(silentMs: number, timeoutMs: number, isReady: boolean): OfSlot | undefined {
  const limitMs = timeoutMs + TIMING.slots.silenceSlackMs + (isReady ? 0 : TIMING.slots.startingMs);
  return silentMs < limitMs ? undefined : { kind: 'worker-silent', silentMs };
}

/** For a worker that lives and makes no progress: it waits for something that never happens. */
export function stall(stalledMs: number, timeoutMs: number): OfSlot | undefined {
  return stalledMs < timeoutMs + TIMING.slots.stallSlackMs
    ? undefined
    : { kind: 'worker-stalled', stalledMs };
}
