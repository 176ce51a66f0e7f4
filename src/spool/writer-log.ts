// The segments of one writer as one log: its records from a place on, and what is wrong with the bytes between them.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Segment } from './folder.ts';
import { decodeRecord, nextRecord, type SpoolRecord } from './record.ts';

/** Where the next record begins, behind the one with this number. */
export interface Cursor {
  readonly number: number;
  readonly offset: number;
  readonly seq: number;
}

export interface Damage {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** The end of a file that nobody writes to any more: a record that was never complete, and so was never confirmed. */
  readonly isTail: boolean;
}

export interface LogPart {
  readonly records: readonly SpoolRecord[];
  readonly next: Cursor;
  readonly damages: readonly Damage[];
  /** Segments that are read to their end and that nobody appends to. */
  readonly done: readonly Segment[];
}

export interface ReadLimits {
  readonly events: number;
  readonly bytes: number;
  /** Default: no limit. */
  readonly records?: number;
}

const READ_BYTES = 4 * 1024 * 1024;

/**
 * Reads on from `cursor`; records that are not behind it are passed over.
 * @param segments all of the writer, in their order, listed before this is called: only the last one may still be written to.
 */
export function readOn(segments: readonly Segment[], cursor: Cursor, limits: ReadLimits): LogPart {
  const records: SpoolRecord[] = [];
  const damages: Damage[] = [];
  const done: Segment[] = [];
  let next = cursor;
  let [events, bytes] = [0, 0];
  const { records: most = Number.POSITIVE_INFINITY } = limits;
  const isFull = () => events >= limits.events || bytes >= limits.bytes || records.length >= most;
  for (const [at, segment] of segments.entries()) {
    if (segment.number < next.number) {
      done.push(segment);
      continue;
    }
    if (segment.number > next.number) next = { ...next, number: segment.number, offset: 0 };
    const isFinal = at < segments.length - 1 || segment.isRetired;
    for (let isRead = false; !isRead && !isFull(); ) {
      const { data, isEnd } = bytesFrom(segment.path, next.offset);
      let start = 0;
      while (!isFull()) {
        const decoded = decodeRecord(data, start);
        if (decoded.kind !== 'record') break;
        const { record, end } = decoded;
        if (record.seq > next.seq) {
          records.push(record);
          events += record.events.length;
          bytes += end - start;
        }
        start = end;
        next = { number: next.number, offset: next.offset, seq: Math.max(next.seq, record.seq) };
      }
      next = { ...next, offset: next.offset + start };
      if (isFull() || (start > 0 && !isEnd)) continue;
      // Nothing more can be read here: all of it is, or what follows is no whole record.
      const left = data.length - start;
      if (left === 0 || !isFinal) {
        if (left === 0 && isFinal) done.push(segment);
        isRead = true;
        continue;
      }
      const found = nextRecord(data, start);
      const damaged = (found ?? data.length) - start;
      damages.push({ path: segment.path, offset: next.offset, bytes: damaged, isTail: found === undefined });
      next = { ...next, offset: next.offset + damaged };
    }
    if (isFull()) break;
  }
  return { records, next, damages, done };
}

/** A part of the file, or all of the rest where a record is larger than that. */
function bytesFrom(path: string, offset: number): { readonly data: Buffer; readonly isEnd: boolean } {
  const fd = openSync(path, 'r');
  try {
    const rest = Math.max(0, fstatSync(fd).size - offset);
    const part = read(fd, offset, Math.min(rest, READ_BYTES));
    const isEnough = part.length === rest || decodeRecord(part, 0).kind === 'record';
    const data = isEnough ? part : read(fd, offset, rest);
    return { data, isEnd: data.length === rest };
  } finally {
    closeSync(fd);
  }
}

function read(fd: number, offset: number, bytes: number): Buffer {
  const data = Buffer.allocUnsafe(bytes);
  let length = 0;
  for (let last = -1; last !== 0 && length < bytes; length += last)
    last = readSync(fd, data, length, bytes - length, offset + length);
  return data.subarray(0, length);
}
