// Gathers events for calls of a `batch` handler; with `coalesce` an event replaces the earlier one with its key.
//
// Invariant: events come out in order, and each that went in comes out, or was replaced by a later one with its key.
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { BatchHandler, CoalesceKey, FreeBatchHandler } from '../../../handler/contract.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { EVENTS_A_CALL } from '../reading/batch-reader.ts';
import { sliceEnd } from '../reading/same-id.ts';

/** Events for one call, in order, and among them those that have no key because the handler's `coalesce` threw. */
export interface EventPiece {
  readonly all: readonly BatchEvent[];
  readonly failed: ReadonlyMap<BatchEvent, unknown>;
}

export interface Pieces {
  readonly piece: EventPiece;
  /** How many events were read since the last piece, replaced ones included. */
  readonly read: number;
}

/** Chunks as they come; where `gathering` is given, in pieces for calls of its handler. */
export async function* inPieces(
  chunks: AsyncIterable<readonly BatchEvent[]> | Iterable<readonly BatchEvent[]>,
  gathering: Gathering | undefined,
): AsyncGenerator<Pieces> {
  let read = 0;
  for await (const chunk of chunks) {
    if (gathering === undefined) {
      yield { piece: { all: chunk, failed: NONE }, read: chunk.length };
      continue;
    }
    read += chunk.length;
    for (const event of chunk) gathering.add(event);
    for (; gathering.isFull; read = 0) yield { piece: gathering.take(), read };
  }
  for (; read > 0 || (gathering?.size ?? 0) > 0; read = 0) {
    if (gathering === undefined) return;
    yield { piece: gathering.take(), read };
  }
}

const NONE: ReadonlyMap<BatchEvent, unknown> = new Map();

/** Most bytes that are held while later events may still replace earlier ones. */
const MOST_BYTES = 8_000_000;

export class Gathering {
  readonly #handler: BatchHandler | FreeBatchHandler;
  readonly #onPassedOver: (event: BatchEvent) => void;
  /** By key, or by the event itself where it has none. */
  readonly #events = new Map<unknown, BatchEvent>();
  readonly #failed = new Map<BatchEvent, unknown>();
  #bytes = 0;

  constructor(handler: BatchHandler | FreeBatchHandler, onPassedOver: (event: BatchEvent) => void) {
    this.#handler = handler;
    this.#onPassedOver = onPassedOver;
  }

  get size(): number {
    return this.#events.size;
  }

  /** It holds as much as one call should get, or as memory allows. */
  get isFull(): boolean {
    return this.size >= EVENTS_A_CALL || this.#bytes >= MOST_BYTES;
  }

  add(event: BatchEvent): void {
    const key = this.#keyOf(event);
    const before = this.#events.get(key);
    if (before !== undefined) {
      // Deleted first, so that the new event comes last.
      this.#events.delete(key);
      this.#bytes -= before.row.size;
      this.#onPassedOver(before);
    }
    this.#events.set(key, event);
    this.#bytes += event.row.size;
  }

  /** The first events, as many as one call may get; never between two of one id. */
  take(most = EVENTS_A_CALL): EventPiece {
    const ids = [...this.#events.values()].map(({ id }) => id);
    const end = sliceEnd(ids, 0, Math.min(most, EVENTS_A_CALL));
    const all: BatchEvent[] = [];
    const failed = new Map<BatchEvent, unknown>();
    for (const [key, event] of this.#events) {
      if (all.length === end) break;
      this.#events.delete(key);
      this.#bytes -= event.row.size;
      all.push(event);
      if (this.#failed.has(event)) failed.set(event, this.#failed.get(event));
      this.#failed.delete(event);
    }
    return { all, failed };
  }

  #keyOf(event: BatchEvent): unknown {
    try {
      const key = this.#handler.coalesce?.(event);
      return key === undefined || key === null ? event : plain(key, event);
    } catch (error) {
      this.#failed.set(event, error);
      return event;
    }
  }
}

/** Objects are never the same key, and a promise is a mistake. */
function plain(key: Exclude<CoalesceKey, null | undefined>, event: BatchEvent): unknown {
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof key)) return key;
  throw new TributaryError(
    `\`coalesce\` gave ${Object.prototype.toString.call(key)} as the key of event ${event.id}.`,
    {
      code: 'handler-coalesce',
      kind: 'halting',
      remedy: 'A key is a string, a number or a boolean; null and undefined are none.',
    },
  );
}
