// What the end of a worker process says about the event that it had at hand. Only the process that forked it sees how it
// ended; without that there is no evidence. Pure, but for the counter of the kernel.
import { readFileSync } from 'node:fs';
import type { LastCall } from '../../call-record.ts';
import type { FatalCall } from '../../protocol.ts';

/** Signals that a process causes itself. */
const CRASHES = ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];

export interface WorkerDeath {
  readonly code: number | null;
  readonly signal: string | null;
  /** Killed by us: 'silent' because it gave no sign of life, 'ours' for any other reason. */
  readonly killed: 'silent' | 'ours' | undefined;
  /** The kernel has killed some process meanwhile, because memory ran out; undefined: not known. */
  readonly wasOutOfMemory: boolean | undefined;
}

/** @returns undefined where the death is no evidence: the process was ended from outside, at any moment. */
export function evidenceOf({
  killed,
  signal,
  wasOutOfMemory,
}: WorkerDeath): 'certain' | 'likely' | undefined {
  if (killed === 'silent') return 'certain';
  if (killed === 'ours') return undefined;
  if (signal === null || CRASHES.includes(signal)) return 'certain';
  return signal === 'SIGKILL' && wasOutOfMemory !== false ? 'likely' : undefined;
}

/** What the next worker in the slot gets to know. @param token of the batch at hand, as far as the worker has reported it. */
export function suspectOf(
  evidence: 'certain' | 'likely' | undefined,
  { call, isRecorded, token }: { call: LastCall | undefined; isRecorded: boolean; token: number | undefined },
): FatalCall | undefined {
  if (evidence === undefined) return undefined;
  const isCertain = evidence === 'certain';
  if (call !== undefined) return { ...call, isCertain };
  // Calls are recorded and it was in none: it died of something else.
  if (isRecorded || token === undefined) return undefined;
  return { token, startTick: 0, endTick: 0, first: 0, last: 0, events: 0, isCertain };
}

/** How many processes the kernel has killed on this machine because memory ran out; undefined where it does not count. */
export function outOfMemoryKills(path = '/proc/vmstat'): number | undefined {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'latin1')) ?? [];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
