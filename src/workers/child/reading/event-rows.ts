// Rows of a batch in the two forms in which they are read: texts from a cursor, and bytes of a binary COPY, whose fields are
// decoded only when they are used.
import type { EventRow } from '../../../handler/event.ts';
import {
  COPY_HEADER,
  COUNT_BYTES,
  fieldsEnd,
  LENGTH_BYTES,
  POSTGRES_EPOCH_MS,
  rowEnd,
  viewOf,
} from '../../../postgres/binary-copy.ts';

const TIMESTAMP = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)(:?\d\d)?(:\d\d)?$/;

/** Behind the columns, where it was asked for. */
const KEY = 10;

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

  get key(): string | undefined {
    return this.#texts[KEY] ?? undefined;
  }

  get size(): number {
    return this.#texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  }
}

/** What BinaryRow reads: the columns of its COPY. */
export const BINARY_COLUMNS =
  'ev_id, ev_time, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_txid';

const FIELDS = 10;
/** From the first field's length on, past an int8 and a timestamp: the length of the third field, how often it was retried. */
const RETRY_AT = 2 * (LENGTH_BYTES + 8);
const INFINITY = 9_223_372_036_854_775_807n;

class BinaryRow implements EventRow {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** Of the first field's length. */
  readonly #at: number;
  readonly key = undefined;

  /** @param view over the same bytes. */
  constructor(bytes: Buffer, view: DataView, at: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
  }

  get id(): number {
    return Number(this.#view.getBigInt64(this.#at + LENGTH_BYTES));
  }

  get retry(): number {
    return this.wasPutOff ? this.#view.getInt32(this.#at + RETRY_AT + LENGTH_BYTES) : 0;
  }

  get wasPutOff(): boolean {
    return this.#view.getInt32(this.#at + RETRY_AT) >= 0;
  }

  get time(): Date {
    // Milliseconds are cut, not rounded towards 2000.
    return new Date(POSTGRES_EPOCH_MS + Math.floor(Number(this.#micros) / 1_000));
  }

  get timeText(): string {
    const micros = this.#micros;
    if (micros === INFINITY) return 'infinity';
    if (micros === -INFINITY - 1n) return '-infinity';
    const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const seconds = new Date(POSTGRES_EPOCH_MS + Number((micros - rest) / 1_000n)).toISOString().slice(0, 19);
    return `${seconds}.${String(rest).padStart(6, '0')}Z`;
  }

  text(place: number): string | null {
    const at = fieldsEnd(this.#view, this.#at + RETRY_AT, place + 1);
    const length = this.#view.getInt32(at);
    const from = at + LENGTH_BYTES;
    return length < 0 ? null : this.#bytes.toString('utf8', from, from + length);
  }

  get txid(): string {
    const at = fieldsEnd(this.#view, this.#at, FIELDS - 1);
    return String(this.#view.getBigInt64(at + LENGTH_BYTES));
  }

  get size(): number {
    return fieldsEnd(this.#view, this.#at, FIELDS) - this.#at;
  }

  get #micros(): bigint {
    return this.#view.getBigInt64(this.#at + 8 + 2 * LENGTH_BYTES);
  }
}

/** The whole rows in a binary COPY of BINARY_COLUMNS, or in its beginning. */
export function binaryRows(bytes: Buffer): BinaryRow[] {
  const view = viewOf(bytes);
  const rows: BinaryRow[] = [];
  let at = COPY_HEADER.length;
  while (at + COUNT_BYTES <= bytes.length && view.getInt16(at) === FIELDS) {
    const end = rowEnd(view, at);
    if (end < 0) break;
    rows.push(new BinaryRow(bytes, view, at + COUNT_BYTES));
    at = end;
  }
  return rows;
}
