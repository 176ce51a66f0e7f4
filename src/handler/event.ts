// An event as the handler sees it, over the row as the database sent it: nothing is decoded before it is asked for.
import type { OriginColumn } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Event, Origin } from './contract.ts';
import { originHere, parseOrigin } from './origin.ts';

/** The columns of pgq.get_batch_events as text: id, time, txid, retry, type, data, extra1..4. */
export type EventRow = readonly (string | null)[];

/** What is the same for all events of a central queue. */
export interface EventSource {
  readonly queue: string;
  readonly origin: OriginColumn;
}

const TIMESTAMP = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)(:?\d\d)?(:\d\d)?$/;

export class BatchEvent implements Event {
  readonly row: EventRow;
  readonly #source: EventSource;
  #origin: Origin | undefined;
  #json: { readonly value: unknown } | undefined;

  constructor(row: EventRow, source: EventSource) {
    this.row = row;
    this.#source = source;
  }

  get id(): number {
    return Number(this.row[0]);
  }

  get time(): Date {
    const text = this.row[1] ?? '';
    const [, day, clock, fraction = '', hours, minutes = ''] = TIMESTAMP.exec(text) ?? [];
    if (day === undefined) return new Date(text);
    // Date knows milliseconds; PostgreSQL leaves out the minutes of a whole-hour offset.
    const offset = `${hours}:${minutes.replace(':', '') || '00'}`;
    return new Date(`${day}T${clock}${fraction.slice(0, 4)}${offset}`);
  }

  get type(): string | null {
    return this.row[4] ?? null;
  }

  get data(): string | null {
    return this.row[5] ?? null;
  }

  get extra1(): string | null {
    return this.row[6] ?? null;
  }

  get extra2(): string | null {
    return this.row[7] ?? null;
  }

  get extra3(): string | null {
    return this.row[8] ?? null;
  }

  get extra4(): string | null {
    return this.row[9] ?? null;
  }

  get retry(): number {
    return Number(this.row[3] ?? 0);
  }

  get origin(): Origin {
    const { origin, queue } = this.#source;
    this.#origin ??=
      (origin === 'none' ? undefined : parseOrigin(this[origin])) ?? originHere(queue, this.id);
    return this.#origin;
  }

  json<T = unknown>(): T {
    this.#json ??= { value: this.#parse() };
    return this.#json.value as T;
  }

  #parse(): unknown {
    const { data } = this;
    try {
      if (data === null) throw new SyntaxError('it is NULL');
      return JSON.parse(data);
    } catch (error) {
      throw new TributaryError(
        `The data of event ${this.id} in queue ${this.#source.queue} (origin ${this.origin}) is no JSON: ${(error as Error).message}.`,
        { code: 'no-json', kind: 'halting', cause: error },
      );
    }
  }
}
