// Rows in COPY's binary format: splits a buffer into rows, and reads single fields without decoding the rest. Pure.
import { CENTRAL_COLUMNS } from './columns.ts';

const NULL = -1;
/** PostgreSQL counts from the year 2000, in microseconds. */
const YEAR_2000_US = 946_684_800_000_000;
/** Behind the number of fields and the length of the first one, which is the time. */
const TIME_AT = 6;

/** The single rows of buffers that hold whole ones, without header and trailer. */
export function splitRows(chunks: readonly Buffer[]): Buffer[] {
  return chunks.flatMap((chunk) => {
    const rows: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      const end = fieldsOf(chunk, at).end;
      rows.push(chunk.subarray(at, end));
      at = end;
    }
    return rows;
  });
}

/** The first row of a buffer that holds whole ones. */
export function firstRow(chunk: Buffer): Buffer {
  return chunk.subarray(0, fieldsOf(chunk, 0).end);
}

/** The text of one of central's columns in a row, e.g. `ev_extra4`; invalid bytes are shown as they can be. */
export function textIn(row: Buffer, column: string): string | undefined {
  const index = CENTRAL_COLUMNS.split(', ').indexOf(column);
  const field = fieldsOf(row, 0).fields[index];
  return field === undefined ? undefined : row.toString('utf8', field.from, field.to);
}

/** The time of the event, in microseconds since 1970; the beginning of the row is enough. */
export function instantIn(row: Buffer): number {
  return Number(row.readBigInt64BE(TIME_AT)) + YEAR_2000_US;
}

function fieldsOf(
  data: Buffer,
  at: number,
): { end: number; fields: ({ from: number; to: number } | undefined)[] } {
  const fields: ({ from: number; to: number } | undefined)[] = [];
  let next = at + 2;
  for (let left = data.readInt16BE(at); left > 0; left--) {
    const length = data.readInt32BE(next);
    next += 4;
    fields.push(length === NULL ? undefined : { from: next, to: next + length });
    if (length > 0) next += length;
  }
  return { end: next, fields };
}
