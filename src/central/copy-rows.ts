// Central's rows in COPY's binary format: splits a buffer into rows, and reads single fields without decoding the rest. Pure.
import {
  COUNT_BYTES,
  fieldsEnd,
  LENGTH_BYTES,
  NULL_LENGTH,
  POSTGRES_EPOCH_MS,
  rowEnd,
  viewOf,
} from '../postgres/binary-copy.ts';
import { CENTRAL_COLUMNS } from './columns.ts';

const COLUMNS = CENTRAL_COLUMNS.split(', ');
const TIME_BYTES = 8;
/** An md5 as text. */
const KEY_BYTES = 32;
/** A row's time can be read when this much of the row is there: it is the first of central's columns, perhaps behind due time and key. */
export const TIME_END = COUNT_BYTES + 2 * (LENGTH_BYTES + TIME_BYTES) + LENGTH_BYTES + KEY_BYTES;

/** The single rows of buffers that hold whole ones, without header and trailer. */
export function splitRows(chunks: readonly Buffer[]): Buffer[] {
  return chunks.flatMap((chunk) => {
    const view = viewOf(chunk);
    const rows: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      const end = wholeRowEnd(view, at);
      rows.push(chunk.subarray(at, end));
      at = end;
    }
    return rows;
  });
}

/** The first row of a buffer that holds whole ones. */
export function firstRow(chunk: Buffer): Buffer {
  return chunk.subarray(0, wholeRowEnd(viewOf(chunk), 0));
}

/** The text of one of central's columns in a row, e.g. `ev_extra4`; invalid bytes are shown as they can be. */
export function textIn(row: Buffer, column: string): string | undefined {
  const index = COLUMNS.indexOf(column);
  const view = viewOf(row);
  if (index < 0 || index >= view.getInt16(0)) return undefined;
  const at = fieldsEnd(view, COUNT_BYTES, ownBefore(row) + index);
  const length = view.getInt32(at);
  const from = at + LENGTH_BYTES;
  return length === NULL_LENGTH ? undefined : row.toString('utf8', from, from + length);
}

/** A row of a queue that says `deliver_at` or `unique`, as that of any other queue. */
export function withoutDue(row: Buffer): Buffer {
  const count = Buffer.alloc(COUNT_BYTES);
  count.writeInt16BE(COLUMNS.length);
  return Buffer.concat([count, row.subarray(fieldsEnd(viewOf(row), COUNT_BYTES, ownBefore(row)))]);
}

/** The time of the event, in microseconds since 1970; the beginning of the row is enough. */
export function instantIn(row: Buffer): number {
  const at = fieldsEnd(viewOf(row), COUNT_BYTES, ownBefore(row)) + LENGTH_BYTES;
  return Number(row.readBigInt64BE(at)) + POSTGRES_EPOCH_MS * 1_000;
}

/** How many columns come before central's. */
const ownBefore = (row: Buffer): number => Math.max(0, row.readInt16BE(0) - COLUMNS.length);

function wholeRowEnd(view: DataView, at: number): number {
  const end = rowEnd(view, at);
  if (end < 0) throw new RangeError(`A row of ${view.byteLength - at} bytes needs ${-end - at}.`);
  return end;
}
