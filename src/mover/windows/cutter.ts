// Cuts the binary COPY stream of a shard into pieces of windows: reads lengths, strips our two columns, never decodes.
// Pure: bytes in, pieces out.
import { TributaryError } from '../../errors/tributary-error.ts';
import {
  COPY_HEADER,
  COUNT_BYTES,
  fieldsEnd,
  LENGTH_BYTES,
  NO_MORE_ROWS,
  viewOf,
} from '../../postgres/binary-copy.ts';
import { ORIGIN_TAKEN } from '../../shards/copy-out.ts';
import { destinationOf, type RoutedRows, RoutedRun } from './routed-rows.ts';

/** Whole rows of one window, as central's COPY wants them. */
export interface RowPiece {
  /** Index of the window in the COPY. */
  readonly k: number;
  readonly bytes: Buffer;
  readonly rows: number;
  readonly firstEventId: number;
  readonly lastEventId: number;
  /** Rows whose origin column had a value of the event's own. */
  readonly taken: number;
  /** Of a source with routes: the same bytes, by route. */
  readonly routed?: readonly RoutedRows[];
  /** Of a source with routes: events between the first and the last that no route takes. */
  readonly unrouted?: number;
  /** Of a source with routes: which of them gets the row that comes in parts. */
  readonly to?: number;
  /** A part of one row that is too large to be held: the first counts as its row, the others have none. */
  readonly part?: 'first' | 'middle' | 'last';
}

export interface CutterOptions {
  /** A row that needs more than this is handed on in parts; default: none does. */
  readonly oversizeBytes?: number;
}

/** Our two columns are the first ones: an int4, the window's number, and an int8, the event's id. */
const OWN_FIELDS = 2;
const NUMBER_AT = COUNT_BYTES + LENGTH_BYTES;
const ID_AT = NUMBER_AT + 4 + LENGTH_BYTES;
const PREFIX_BYTES = ID_AT + 8;
/** The prefix less the bytes that become the new field count. */
const STRIPPED_BYTES = PREFIX_BYTES - COUNT_BYTES;

const numberOf = (marked: number): number => marked & (ORIGIN_TAKEN - 1);
const isTaken = (marked: number): boolean => (marked & ORIGIN_TAKEN) !== 0;

/** Rows of one window that are being moved together. */
interface OpenPiece {
  readonly k: number;
  readonly begin: number;
  to: number;
  rows: number;
  readonly first: number;
  last: number;
  taken: number;
  /** Of a source with routes: where its rows are, which are copied apart in the end. */
  readonly run: RoutedRun | undefined;
}

export class Cutter {
  readonly #oversizeBytes: number;
  #oversized: OversizedRow | undefined;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Bytes that the row at the start of `#kept` is known to need. */
  #needed = COPY_HEADER.length;
  #hasHeader = false;
  #hasEnded = false;

  constructor({ oversizeBytes = Number.POSITIVE_INFINITY }: CutterOptions = {}) {
    this.#oversizeBytes = oversizeBytes;
  }

  /** True once the stream's trailer has been read. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes of a row that is not complete yet. */
  get heldBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes that the row which is not complete yet needs, as far as its lengths have come; 0 where it is handed on in parts. */
  get neededBytes(): number {
    const isKept =
      this.#keptBytes > 0 && this.#oversized === undefined && this.#needed <= this.#oversizeBytes;
    return isKept ? this.#needed : 0;
  }

  /** @returns the rows that are complete now, a piece for each run of rows of one window. */
  push(chunk: Buffer): RowPiece[] {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    const pieces: RowPiece[] = [];
    for (;;) {
      if (this.#oversized === undefined) {
        if (this.#keptBytes < this.#needed) {
          if (this.#needed <= this.#oversizeBytes || this.#keptBytes < PREFIX_BYTES) return pieces;
          this.#beginOversized(pieces);
        } else {
          this.#keep(this.#cutWhole(this.#takeKept(), pieces));
          if (this.#hasEnded || this.#keptBytes === 0 || this.#needed <= this.#oversizeBytes) return pieces;
        }
      } else if (!this.#goOn(this.#oversized, pieces)) return pieces;
    }
  }

  #takeKept(): Buffer {
    const data =
      this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept, this.#keptBytes);
    this.#keep(data.subarray(data.length));
    return data;
  }

  #keep(rest: Buffer): void {
    this.#kept = rest.length === 0 ? [] : [rest];
    this.#keptBytes = rest.length;
  }

  #cutWhole(data: Buffer, pieces: RowPiece[]): Buffer {
    const from = this.#hasHeader ? 0 : COPY_HEADER.length;
    this.#hasHeader = true;
    return data.subarray(this.#cutRows(data, from, pieces));
  }

  /** The row at the start of what is held is too large: from now on its bytes are handed on as they come. */
  #beginOversized(pieces: RowPiece[]): void {
    const data = this.#takeKept();
    const fields = data.readInt16BE(0) - OWN_FIELDS;
    const marked = data.readInt32BE(NUMBER_AT);
    const row = new OversizedRow(numberOf(marked), Number(data.readBigInt64BE(ID_AT)), fields);
    const to = destinationOf(marked);
    const count = Buffer.alloc(COUNT_BYTES);
    count.writeInt16BE(fields);
    const first = { ...row.piece(count, 'first'), rows: 1, taken: isTaken(marked) ? 1 : 0 };
    pieces.push(to === 0 ? first : { ...first, to });
    this.#oversized = row;
    this.#keep(data.subarray(PREFIX_BYTES));
  }

  /** @returns true when the row has ended and others may follow in what is held. */
  #goOn(row: OversizedRow, pieces: RowPiece[]): boolean {
    const data = this.#takeKept();
    const end = row.take(data);
    pieces.push(row.piece(data.subarray(0, end), row.hasEnded ? 'last' : 'middle'));
    this.#keep(data.subarray(end));
    if (!row.hasEnded) return false;
    this.#oversized = undefined;
    this.#needed = COUNT_BYTES;
    return true;
  }

  /** Moves whole rows together in place, without our columns; returns where the first incomplete row begins. */
  #cutRows(data: Buffer, from: number, pieces: RowPiece[]): number {
    const view = viewOf(data);
    let at = from;
    let piece: OpenPiece | undefined;
    const close = () => {
      if (piece === undefined) return;
      const { run } = piece;
      pieces.push({
        k: piece.k,
        bytes: data.subarray(piece.begin, piece.to),
        rows: piece.rows,
        firstEventId: piece.first,
        lastEventId: piece.last,
        taken: piece.taken,
        ...(run === undefined ? {} : { ...run.copyFrom(data), rows: run.rows, unrouted: run.unrouted }),
      });
    };
    for (;;) {
      const end = this.#rowEnd(view, at);
      if (end === undefined) break;
      if (end === NO_MORE_ROWS) {
        this.#hasEnded = true;
        at += COUNT_BYTES;
        break;
      }
      const marked = view.getInt32(at + NUMBER_AT);
      const k = numberOf(marked);
      const to = destinationOf(marked);
      const id = Number(view.getBigInt64(at + ID_AT));
      if (piece === undefined || piece.k !== k) {
        close();
        const run = to === 0 ? undefined : new RoutedRun();
        piece = { k, begin: at, to: at, rows: 0, first: id, last: id, taken: 0, run };
      }
      const fields = view.getInt16(at);
      const body = at + STRIPPED_BYTES;
      view.setInt16(body, fields - OWN_FIELDS);
      if (piece.run === undefined) {
        data.copyWithin(piece.to, body, end);
        piece.to += end - body;
        piece.rows += 1;
      } else piece.run.add(to, body, end);
      piece.last = id;
      if (isTaken(marked)) piece.taken += 1;
      at = end;
    }
    close();
    return at;
  }

  /** Where the row at `at` ends; undefined while bytes are missing (then `#needed` says how many are known to be). */
  #rowEnd(view: DataView, at: number): number | undefined {
    if (at + COUNT_BYTES > view.byteLength) return this.#need(COUNT_BYTES);
    const fields = view.getInt16(at);
    if (fields === NO_MORE_ROWS) return NO_MORE_ROWS;
    if (fields < OWN_FIELDS) {
      throw new TributaryError(`A COPY row has ${fields} fields.`, { code: 'copy-format', kind: 'internal' });
    }
    const end = fieldsEnd(view, at + COUNT_BYTES, fields);
    return end < 0 ? this.#need(-end - at) : end;
  }

  #need(bytes: number): undefined {
    this.#needed = bytes;
    return undefined;
  }
}

/** Follows the lengths of one row that is handed on in parts. */
class OversizedRow {
  readonly #k: number;
  readonly #id: number;
  #fieldsLeft: number;
  /** Bytes of the current field that have not come yet. */
  #bytesLeft = 0;

  constructor(k: number, id: number, fields: number) {
    this.#k = k;
    this.#id = id;
    this.#fieldsLeft = fields;
  }

  get hasEnded(): boolean {
    return this.#fieldsLeft === 0 && this.#bytesLeft === 0;
  }

  /** @returns how much of `data` belongs to the row and can be handed on; a length that is cut apart stays behind. */
  take(data: Buffer): number {
    let at = 0;
    while (!this.hasEnded) {
      if (this.#bytesLeft > 0) {
        const bytes = Math.min(this.#bytesLeft, data.length - at);
        if (bytes === 0) return at;
        at += bytes;
        this.#bytesLeft -= bytes;
      } else {
        if (data.length - at < LENGTH_BYTES) return at;
        this.#bytesLeft = Math.max(0, data.readInt32BE(at));
        this.#fieldsLeft -= 1;
        at += LENGTH_BYTES;
      }
    }
    return at;
  }

  piece(bytes: Buffer, part: 'first' | 'middle' | 'last'): RowPiece {
    return { k: this.#k, bytes, rows: 0, firstEventId: this.#id, lastEventId: this.#id, taken: 0, part };
  }
}
