// One record of a spool: the length of its body, a checksum of both, the body as JSON in UTF-8. Pure.
//
// Invariant: what decodes was written whole. A torn record, zeros where a disk lost its last writes, and bytes of anything else do
// not decode.
import { crc32 } from 'node:zlib';
import type { EventTexts } from '../queue/insert.ts';

/** Events of one call, which are delivered together. */
export interface SpoolRecord {
  /** From 1 on, of its writer. */
  readonly seq: number;
  readonly queue: string;
  readonly events: readonly EventTexts[];
  /** When it was spooled, in ms since 1970 by the writer's clock. */
  readonly atMs: number;
}

export type Decoded =
  | { readonly kind: 'record'; readonly record: SpoolRecord; readonly end: number }
  /** All bytes there are may be the beginning of a record. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'bad' };

const HEAD_BYTES = 8;
/** Of one record: the text of its events, which PostgreSQL takes in one parameter. */
export const MOST_RECORD_BYTES = 256 * 1024 * 1024;

export function encodeRecord({ seq, queue, events, atMs }: SpoolRecord): Buffer {
  const body = Buffer.from(JSON.stringify([seq, queue, events, atMs]));
  const record = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  record.writeUInt32LE(body.length, 0);
  body.copy(record, HEAD_BYTES);
  record.writeUInt32LE(checksum(record, HEAD_BYTES + body.length), 4);
  return record;
}

export function decodeRecord(bytes: Buffer, start: number): Decoded {
  if (bytes.length - start < HEAD_BYTES) return { kind: 'incomplete' };
  const length = bytes.readUInt32LE(start);
  if (length === 0 || length > MOST_RECORD_BYTES) return { kind: 'bad' };
  const end = start + HEAD_BYTES + length;
  if (end > bytes.length) return { kind: 'incomplete' };
  // JSON begins and ends so: what does not, needs no checksum.
  if (bytes[start + HEAD_BYTES] !== 0x5b || bytes[end - 1] !== 0x5d) return { kind: 'bad' };
  if (checksum(bytes.subarray(start, end), HEAD_BYTES + length) !== bytes.readUInt32LE(start + 4))
    return { kind: 'bad' };
  const [seq, queue, events, atMs] = JSON.parse(bytes.toString('utf8', start + HEAD_BYTES, end)) as [
    number,
    string,
    EventTexts[],
    number,
  ];
  return { kind: 'record', record: { seq, queue, events, atMs }, end };
}

/** Where the next record begins behind bytes that are none; undefined: nowhere. */
export function nextRecord(bytes: Buffer, start: number): number | undefined {
  for (let at = start + 1; at + HEAD_BYTES < bytes.length; at += 1)
    if (decodeRecord(bytes, at).kind === 'record') return at;
  return undefined;
}

function checksum(record: Buffer, end: number): number {
  return crc32(record.subarray(HEAD_BYTES, end), crc32(record.subarray(0, 4)));
}
