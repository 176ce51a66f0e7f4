// Rows of a batch in the two forms in which they are read: texts from a cursor, and bytes of a binary COPY, decoded only
// where somebody asks.
import type { EventRow } from '../../../handler/event.ts';

const TIMESTAMP = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)(:?\d\d)?(:\d\d)?$/;

/** The columns of pgq.get_batch_events as texts: id, time, txid, retry, type, data, extra1..4. */
export class TextRow implements EventRow {
  readonly #texts: readonly (string | null)[];

  constructor(texts: readonly (string | null)[]) {
    this.#texts = texts;
  }

  get id(): number {
    return Number(this.#texts[0]);
  }

  get retry(): number {
    return Number(this.#texts[3] ?? 0);
  }

  get wasPutOff(): boolean {
    return this.#texts[3] != null;
  }

  get timeText(): string {
    return this.#texts[1] ?? '';
  }

  get time(): Date {
    const text = this.timeText;
    const [, day, clock, fraction = '', hours, minutes = ''] = TIMESTAMP.exec(text) ?? [];
    if (day === undefined) return new Date(text);
    // Date knows milliseconds; PostgreSQL leaves out the minutes of a whole-hour offset.
    const offset = `${hours}:${minutes.replace(':', '') || '00'}`;
    return new Date(`${day}T${clock}${fraction.slice(0, 4)}${offset}`);
  }

  text(place: number): string | null {
    return this.#texts[4 + place] ?? null;
  }

  get txid(): string {
    return this.#texts[2] ?? '';
  }

  get size(): number {
    return this.#texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  }
}

/** What BinaryRow reads: the columns of its COPY. */
export const BINARY_COLUMNS =
  'ev_id, ev_time, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_txid';

const FIELDS = 10;
const HEADER_BYTES = 19;
/** PostgreSQL counts from 2000-01-01. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const INFINITY = 9_223_372_036_854_775_807n;

class BinaryRow implements EventRow {
  readonly #bytes: Buffer;
  /** Of the first field's length. */
  readonly #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get id(): number {
    return Number(this.#bytes.readBigInt64BE(this.#at + 4));
  }

  get retry(): number {
    const at = this.#at + 24;
    return this.#bytes.readInt32BE(at) < 0 ? 0 : this.#bytes.readInt32BE(at + 4);
  }

  get wasPutOff(): boolean {
    return this.#bytes.readInt32BE(this.#at + 24) >= 0;
  }

  get time(): Date {
    // Milliseconds are cut, not rounded towards 2000.
    return new Date(EPOCH_MS + Math.floor(Number(this.#micros) / 1_000));
  }

  get timeText(): string {
    const micros = this.#micros;
    if (micros === INFINITY) return 'infinity';
    if (micros === -INFINITY - 1n) return '-infinity';
    const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const seconds = new Date(EPOCH_MS + Number((micros - rest) / 1_000n)).toISOString().slice(0, 19);
    return `${seconds}.${String(rest).padStart(6, '0')}Z`;
  }

  text(place: number): string | null {
    let at = this.#at + 24;
    for (let field = -1; field < place; field++) at += 4 + Math.max(0, this.#bytes.readInt32BE(at));
    const length = this.#bytes.readInt32BE(at);
    return length < 0 ? null : this.#bytes.toString('utf8', at + 4, at + 4 + length);
  }

  get txid(): string {
    let at = this.#at;
    for (let field = 0; field < FIELDS - 1; field++) at += 4 + Math.max(0, this.#bytes.readInt32BE(at));
    return String(this.#bytes.readBigInt64BE(at + 4));
  }

  get size(): number {
    let at = this.#at;
    for (let field = 0; field < FIELDS; field++) at += 4 + Math.max(0, this.#bytes.readInt32BE(at));
    return at - this.#at;
  }

  get #micros(): bigint {
    return this.#bytes.readBigInt64BE(this.#at + 16);
  }
}

/** The whole rows in a binary COPY of BINARY_COLUMNS, or in its beginning. */
export function binaryRows(bytes: Buffer): BinaryRow[] {
  const rows: BinaryRow[] = [];
  let at = HEADER_BYTES;
  while (at + 2 <= bytes.length && bytes.readInt16BE(at) === FIELDS) {
    const start = at + 2;
    const end = endOfRow(bytes, start);
    if (end === undefined) break;
    rows.push(new BinaryRow(bytes, start));
    at = end;
  }
  return rows;
}

/** @returns undefined where the bytes end before the row does. */
function endOfRow(bytes: Buffer, start: number): number | undefined {
  let at = start;
  for (let field = 0; field < FIELDS; field++) {
    if (at + 4 > bytes.length) return undefined;
    at += 4 + Math.max(0, bytes.readInt32BE(at));
  }
  return at <= bytes.length ? at : undefined;
}
