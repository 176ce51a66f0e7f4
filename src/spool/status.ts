// What is in a spool now, from its folder alone: the shard need not be reachable, and nothing is changed.
import { DeliveredPlaces } from './delivered.ts';
import { damagedIn, type Segment, segmentsByWriter, sizeOf, spoolIdentity } from './folder.ts';
import { lockHolder } from './lock.ts';
import { type RefusedFiles, refusedIn } from './refused.ts';
import { type Cursor, readOn } from './writer-log.ts';

export interface WriterStatus {
  readonly writer: string;
  readonly files: number;
  readonly bytes: number;
  /** The record that was delivered last; 0: none. */
  readonly delivered: number;
  readonly records: number;
  readonly events: number;
  /** When the oldest event that waits was spooled, in ms since 1970. */
  readonly oldestMs: number | undefined;
}

export interface SpoolStatus {
  readonly spool: string;
  readonly isCopy: boolean;
  readonly spooler: { readonly pid: number; readonly host: string } | undefined;
  readonly writers: readonly WriterStatus[];
  /** Files that were set aside for bytes that are no record. */
  readonly damaged: number;
  /** What an operator has set aside, a file for each record. */
  readonly refused: readonly RefusedFiles[];
}

const AT_ONCE = { events: 10_000, bytes: 4 * 1024 * 1024 };

/** @returns undefined where the folder is no spool. */
export function spoolStatus(folder: string): SpoolStatus | undefined {
  const identity = spoolIdentity(folder);
  if (identity === undefined) return undefined;
  const delivered = new DeliveredPlaces(folder);
  const writers = [...segmentsByWriter(folder)].map(([writer, segments]) =>
    statusOf(writer, segments, delivered.of(writer)),
  );
  return {
    ...{ ...identity, spooler: lockHolder(folder), writers },
    ...{ damaged: damagedIn(folder), refused: refusedIn(folder) },
  };
}

function statusOf(writer: string, segments: readonly Segment[], delivered: number): WriterStatus {
  let cursor: Cursor = { number: segments[0]?.number ?? 0, offset: 0, seq: delivered };
  let [records, events] = [0, 0];
  let oldestMs: number | undefined;
  for (;;) {
    const part = readOn(segments, cursor, AT_ONCE);
    for (const { events: some, atMs } of part.records) {
      records += 1;
      events += some.length;
      oldestMs = Math.min(oldestMs ?? atMs, atMs);
    }
    cursor = part.next;
    if (part.records.length === 0) break;
  }
  const bytes = segments.reduce((sum, { path }) => sum + sizeOf(path), 0);
  return { writer, files: segments.length, bytes, delivered, records, events, oldestMs };
}
