// Hands on small windows whose events came with the round: records become rows as central's COPY wants them.
import { failPoint } from '../../lifecycle/fail-point.ts';
import { fieldsEnd, LENGTH_BYTES, viewOf } from '../../postgres/binary-copy.ts';
import { ORIGIN_TAKEN } from '../../shards/copy-out.ts';
import type { InlineRows } from '../../shards/inline-read.ts';
import type { MoverContext } from '../context.ts';
import { assemblerOf } from './copy-windows.ts';
import type { RowPiece } from './cutter.ts';
import type { Copied, Found } from './found.ts';

/** A window and its events. */
export interface InlineFound extends Found {
  readonly rows: InlineRows;
}

export async function handOnInline(found: readonly InlineFound[], context: MoverContext): Promise<Copied> {
  const assembler = assemblerOf(found, context);
  await failPoint('copy-out:before');
  try {
    const pieces = found.flatMap(({ rows }, k) => (rows.count === 0 ? [] : [pieceOf(k, rows)]));
    await assembler.add(pieces);
    await failPoint('copy-out:middle');
    assembler.finish();
    await failPoint('copy-out:after');
    return { rows: assembler.rows, settled: assembler.settled };
  } catch (failure) {
    assembler.abandon();
    return { rows: assembler.rows, settled: assembler.settled, failure };
  }
}

/** A record is an int32 count, then for each field its int32 type and a field as COPY has it; two of ours come first: an int4, an int8. */
const TYPE_BYTES = 4;
const RECORD_PREFIX_BYTES = 4 + (TYPE_BYTES + LENGTH_BYTES + 4) + (TYPE_BYTES + LENGTH_BYTES + 8);
const OWN_FIELDS = 2;

/** Moves the rows together in place, as int16 count and per field int32 length and bytes, without our columns. */
export function pieceOf(k: number, { count, records }: InlineRows): RowPiece {
  const view = viewOf(records);
  let to = 0;
  let at = 0;
  let taken = 0;
  let first = 0;
  let last = 0;
  for (let row = 0; row < count; row += 1) {
    const fields = records.readInt32BE(at) - OWN_FIELDS;
    if ((records.readInt32BE(at + 12) & ORIGIN_TAKEN) !== 0) taken += 1;
    last = Number(records.readBigInt64BE(at + 24));
    if (row === 0) first = last;
    at += RECORD_PREFIX_BYTES;
    to = records.writeInt16BE(fields, to);
    for (let field = 0; field < fields; field += 1) {
      const end = fieldsEnd(view, at + TYPE_BYTES, 1);
      records.copyWithin(to, at + TYPE_BYTES, end);
      to += end - at - TYPE_BYTES;
      at = end;
    }
  }
  if (at !== records.length) throw new Error(`${records.length - at} bytes are left of ${count} records.`);
  return { k, bytes: records.subarray(0, to), rows: count, firstEventId: first, lastEventId: last, taken };
}
