// Rows of a binary COPY as the cutter hands them on, decoded for tests.

/** Every field of every row as text; null where the field is null. */
export function decodeRows(bytes: Buffer): (string | null)[][] {
  const rows: (string | null)[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const fields = bytes.readInt16BE(at);
    at += 2;
    const row: (string | null)[] = [];
    for (let field = 0; field < fields; field += 1) {
      const length = bytes.readInt32BE(at);
      at += 4;
      row.push(length < 0 ? null : bytes.toString('utf8', at, at + length));
      at += Math.max(0, length);
    }
    rows.push(row);
  }
  return rows;
}
