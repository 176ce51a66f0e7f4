// Counts of the events of a batch, by what became of them.
import type { BatchResult } from '../batch-environment.ts';

export type SettledCounts = Omit<BatchResult, 'hasOverrun'>;

export const NONE: SettledCounts = { events: 0, putOff: 0, dead: 0 };

export const sum = (one: SettledCounts, other: SettledCounts): SettledCounts => ({
  events: one.events + other.events,
  putOff: one.putOff + other.putOff,
  dead: one.dead + other.dead,
});
