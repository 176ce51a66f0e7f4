// How far the wall clock of this machine is from central's, as one question to central shows it.
//
// Invariant: nothing of ours rests on it; it is for people, who compare times of logs.

import { TIMING } from '../lifecycle/timing.ts';

/** Stored with the member; the names are those in the database. */
export interface ClockDifference {
  /** Below 0: behind. */
  readonly ahead_ms: number;
  /** The true difference is at most this far from it: the answer was half of the time under way, as far as one knows. */
  readonly within_ms: number;
}

/** @returns the answer to a question that also tells central's time, and what our clock is by that. */
export async function withClock<T extends { readonly centralMs: number }>(
  ask: () => Promise<T>,
): Promise<{ readonly answer: T; readonly clock: ClockDifference | undefined }> {
  const beganMs = Date.now();
  const answer = await ask();
  return { answer, clock: clockDifference({ beganMs, endedMs: Date.now(), centralMs: answer.centralMs }) };
}

function clockDifference(asked: {
  /** By our clock. */
  readonly beganMs: number;
  readonly endedMs: number;
  /** By central's. */
  readonly centralMs: number;
}): ClockDifference | undefined {
  const { beganMs, endedMs, centralMs } = asked;
  const withinMs = (endedMs - beganMs) / 2;
  // A clock that was set meanwhile, or a process that did not run.
  if (!Number.isFinite(centralMs) || withinMs < 0 || withinMs > TIMING.leases.clockWithinMs) return undefined;
  return { ahead_ms: Math.round(beganMs + withinMs - centralMs), within_ms: Math.ceil(withinMs) };
}
