// An event as the handler sees it, over the row as the database sent it: fields are decoded only when they are read.
import type { OriginColumn } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Event, Origin } from './contract.ts';
import { originHere, parseOrigin } from './origin.ts';

/** A row of a batch as the database sent it. */
export interface EventRow {
  readonly id: number;
  readonly retry: number;
  /** It was put off before, after a failure or because its handler asked for it. */
  readonly wasPutOff: boolean;
  readonly time: Date;
  /** The time as PostgreSQL writes it, to the microsecond. */
  readonly timeText: string;
  /** Type, data, extra1..4, by their place: 0..5. */
  text(place: number): string | null;
  /** The transaction that brought it to central. */
  readonly txid: string;
  /** A hash of the key of its lane; undefined: it has none, or was read without. */
  readonly key: string | undefined;
  /** About how much memory its texts take, in bytes. */
  readonly size: number;
}

/** What is the same for all events of a central queue. */
export interface EventSource {
  readonly queue: string;
  readonly origin: OriginColumn;
}

export class BatchEvent implements Event {
  readonly row: EventRow;
  readonly #source: EventSource;
  #origin: Origin | undefined;
  #json: { readonly value: unknown } | undefined;

  constructor(row: EventRow, source: EventSource) {
    this.row = row;
    this.#source = source;
    // A property that a handler sets must not replace one of the row.
    Object.freeze(this);
  }

  get id(): number {
    return this.row.id;
  }

  get time(): Date {
    return this.row.time;
  }

  get type(): string | null {
    return this.row.text(0);
  }

  get data(): string | null {
    return this.row.text(1);
  }

  get extra1(): string | null {
    return this.row.text(2);
  }

  get extra2(): string | null {
    return this.row.text(3);
  }

  get extra3(): string | null {
    return this.row.text(4);
  }

  get extra4(): string | null {
    return this.row.text(5);
  }

  get retry(): number {
    return this.row.retry;
  }

  get origin(): Origin {
    const { origin, queue } = this.#source;
    const here = { queue, id: this.id };
    this.#origin ??= (origin === 'none' ? undefined : parseOrigin(this[origin], here)) ?? originHere(here);
    return this.#origin;
  }

  /** Before each call of the handler: forgets the parsed data, which an earlier call may have changed. */
  beforeCall(): void {
    this.#json = undefined;
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
        `The data of event ${this.id} in queue ${this.#source.queue} (origin ${this.origin}) is no JSON: ${withoutData((error as Error).message)}.`,
        { code: 'no-json', kind: 'halting', cause: error },
      );
    }
  }
}

/** What JSON.parse says, without the data that it quotes: errors are logged and kept, and data may be secret. */
const withoutData = (message: string): string => message.replace(/, (\.\.\.)?"[\s\S]*$/, '');
