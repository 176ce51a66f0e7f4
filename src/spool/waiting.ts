// What waits in a spool while it is being delivered: only the first record that waits of each writer is read.
import { DeliveredPlaces } from './delivered.ts';
import { damagedIn, segmentsByWriter, sizeOf } from './folder.ts';
import { type Cursor, readOn } from './writer-log.ts';

export interface SpoolWaiting {
  /** Size of its files. */
  readonly bytes: number;
  /** Age of the oldest event that waits; 0: none does. */
  readonly oldestSeconds: number;
  /** Files that were set aside. */
  readonly damaged: number;
  /** Writers of which something waits. */
  readonly writers: ReadonlySet<string>;
}

/** @param cursorOf how far a writer's log was read; undefined: it was not begun. */
export function waitingIn(folder: string, cursorOf: (writer: string) => Cursor | undefined): SpoolWaiting {
  const delivered = new DeliveredPlaces(folder);
  const nowMs = Date.now();
  let [bytes, oldestMs] = [0, nowMs];
  const writers = new Set<string>();
  for (const [writer, segments] of segmentsByWriter(folder)) {
    for (const { path } of segments) bytes += sizeOf(path);
    const begin = { number: segments[0]?.number ?? 0, offset: 0, seq: delivered.of(writer) };
    const [first] = readOn(segments, cursorOf(writer) ?? begin, { events: 1, bytes: 1 }).records;
    if (first === undefined) continue;
    writers.add(writer);
    oldestMs = Math.min(oldestMs, first.atMs);
  }
  return { bytes, oldestSeconds: (nowMs - oldestMs) / 1_000, damaged: damagedIn(folder), writers };
}
