// The binary format of COPY: for cutting, writing and reading it. Pure.
//
// A stream is a header, rows and a trailer. A row is an int16 number of fields, then for each field its int32 length and its
// bytes; a null has the length -1 and no bytes. The trailer is a number of fields of -1.

/** Signature, flags, length of the header's extension. */
export const COPY_HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

export const COUNT_BYTES = 2;
export const LENGTH_BYTES = 4;
/** Instead of a number of fields. */
export const NO_MORE_ROWS = -1;
/** Instead of a length. */
export const NULL_LENGTH = -1;
/** PostgreSQL counts microseconds from 2000-01-01. */
export const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

export const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/**
 * @param at of the first field's length.
 * @returns where these fields end; negative where the bytes end before: at least that many, from the view's begin, are needed.
 */
export function fieldsEnd(view: DataView, at: number, fields: number): number {
  const size = view.byteLength;
  let end = at;
  for (let field = 0; field < fields; field++) {
    if (end + LENGTH_BYTES > size) return -(end + LENGTH_BYTES);
    const length = view.getInt32(end);
    end += LENGTH_BYTES + (length > 0 ? length : 0);
  }
  return end > size ? -end : end;
}

/** The same for a whole row, with its number of fields at `at`; a trailer ends behind that number. */
export function rowEnd(view: DataView, at: number): number {
  const from = at + COUNT_BYTES;
  return from > view.byteLength ? -from : fieldsEnd(view, from, view.getInt16(at));
}
