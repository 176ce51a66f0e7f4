// Reads a batch's events in chunks through a cursor in the batch's transaction, so that memory stays flat.
import { BatchEvent, type EventRow, type EventSource } from '../../handler/event.ts';
import type { BatchTransaction } from './batch-transaction.ts';

/** As many events as a `batch` handler gets in one call. */
export const MOST_EVENTS = 2_000;
/** As much text as a chunk should hold; one event may be larger. */
const MOST_CHARACTERS = 16_000_000;
/** Rows of the first chunk, before anything is known about their size. */
const FIRST_ROWS = 200;
const CURSOR = 'tributary_events';

/** How many rows to ask for, learned from the events seen so far; kept from batch to batch. */
export class ChunkSize {
  #charactersPerRow: number | undefined;

  get rows(): number {
    if (this.#charactersPerRow === undefined) return FIRST_ROWS;
    return Math.max(1, Math.min(MOST_EVENTS, Math.floor(MOST_CHARACTERS / (this.#charactersPerRow + 1))));
  }

  /** @returns the characters of the rows. */
  learn(rows: readonly EventRow[]): number {
    let characters = 0;
    for (const row of rows)
      for (let column = 4; column < 10; column++) characters += row[column]?.length ?? 0;
    // Half from memory, so that one small chunk among giants does not ask for thousands of giants next.
    const here = characters / Math.max(1, rows.length);
    this.#charactersPerRow = Math.max(here, ((this.#charactersPerRow ?? here) + here) / 2);
    return characters;
  }
}

export interface ReadOptions {
  readonly source: EventSource;
  readonly size: ChunkSize;
  /** Gathers chunks until they fill a call of a `batch` handler. */
  readonly isGathering: boolean;
}

/** Begins the transaction and reads the batch from its first event to its last. */
export async function* readBatch(
  transaction: BatchTransaction,
  token: number,
  { source, size, isGathering }: ReadOptions,
): AsyncGenerator<BatchEvent[]> {
  let asked = size.rows;
  let rows = await transaction.begin(cursorSql(token, asked));
  let events: BatchEvent[] = [];
  let characters = 0;
  for (;;) {
    characters += size.learn(rows);
    for (const row of rows) events.push(new BatchEvent(row, source));
    const isLast = rows.length < asked;
    const isFull = events.length >= MOST_EVENTS || characters >= MOST_CHARACTERS;
    if (events.length > 0 && (isLast || isFull || !isGathering)) {
      yield events;
      events = [];
      characters = 0;
    }
    if (isLast) return;
    asked = Math.max(1, Math.min(size.rows, MOST_EVENTS - events.length));
    rows = await transaction.rows(`fetch ${asked} from ${CURSOR}`);
  }
}

/** Some events of a batch after `afterId`, in a transaction of their own that the caller ends. */
export async function readSome(
  transaction: BatchTransaction,
  token: number,
  { source, limit, afterId }: { source: EventSource; limit: number; afterId: number | undefined },
): Promise<BatchEvent[]> {
  const rows = await transaction.begin(
    afterId === undefined ? cursorSql(token, limit) : cursorSql(token, limit, `ev_id > ${afterId}`),
  );
  return rows.map((row) => new BatchEvent(row, source));
}

const cursorSql = (token: number, limit: number, where?: string): string =>
  `select * from pgq.get_batch_cursor(${token}, '${CURSOR}', ${limit}${where === undefined ? '' : `, '${where}'`})`;
