// How long a slot waits before it starts another worker in the place of one that died. Pure.
import { backoffMs } from '../../../lifecycle/backoff.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { FatalCall } from '../../protocol.ts';

/** Deaths in a row without backoff while each is blamed on an event: enough to isolate two. */
const EXPLAINED_DEATHS = 6;

/** @param crashes deaths since something was committed, with this one. */
export function restartMs(crashes: number, suspect: FatalCall | undefined): number {
  const unpunished = suspect?.isCertain ? EXPLAINED_DEATHS : 1;
  return crashes <= unpunished ? 0 : backoffMs(crashes - unpunished, TIMING.slots.crashes);
}
