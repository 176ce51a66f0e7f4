// Reads a batch's events: a small batch at once, as the bytes of one COPY; a larger one in chunks through a cursor in the
// batch's transaction. Memory stays flat either way.
import { BatchEvent, type EventSource } from '../../../handler/event.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { BatchTransaction } from '../transaction/batch-transaction.ts';
import { estimateSql } from './estimate.ts';
import { BINARY_COLUMNS, binaryRows, TextRow } from './event-rows.ts';
import { usable } from './same-id.ts';

/** As many events as a `batch` handler gets in one call. */
export const EVENTS_A_CALL = 2_000;
/** Most bytes of a chunk, and of a small batch; a single event may be larger. */
const MOST_BYTES = 16_000_000;
/** The same where it is read without knowing its size. */
export const ALL_BYTES = 1_000_000;
/** Rows of the first chunk, before anything is known about their size. */
const FIRST_ROWS = 200;
/** By the ticks' sequence numbers, which are an estimate. */
const SMALL_BATCH = 20_000;
const CURSOR = 'tributary_events';

/** How large events are, learned from those seen so far; kept from batch to batch. */
export class EventSize {
  #bytesPerEvent: number | undefined;

  /** Whether few events can probably be held in memory several times over. */
  get areFewSmall(): boolean {
    return this.#bytesPerEvent !== undefined && FEW_EVENTS * this.#bytesPerEvent < ALL_BYTES;
  }

  /** How many events to ask for. */
  get rows(): number {
    if (this.#bytesPerEvent === undefined) return FIRST_ROWS;
    return Math.max(1, Math.min(EVENTS_A_CALL, Math.floor(MOST_BYTES / (this.#bytesPerEvent + 1))));
  }

  /** Whether this many events can probably be held in memory. */
  isSmall(events: number): boolean {
    return events <= SMALL_BATCH && events * (this.#bytesPerEvent ?? 0) < MOST_BYTES / 2;
  }

  learn(bytes: number, events: number): void {
    const here = bytes / Math.max(1, events);
    // Half from memory, so that a small chunk among giants does not ask for thousands of giants next.
    this.#bytesPerEvent = Math.max(here, ((this.#bytesPerEvent ?? here) + here) / 2);
  }
}

/** The batch that is read: all of it, or its lane's events. */
export type ReadBatch = Pick<CoopBatch, 'token' | 'lane'>;

export interface ReadOptions {
  readonly source: EventSource;
  readonly size: EventSize;
  /** Gathers chunks until they fill a call of a `batch` handler. */
  readonly isGathering: boolean;
  /** Only events after this one. */
  readonly afterId?: number | undefined;
  /** What came with the message that opened the batch and began its transaction; default: it is still to be begun. */
  readonly first?: FirstRead | undefined;
  /** Cancels the statement that runs on the transaction's connection, over another one. */
  cancelStatement(): Promise<void>;
  /** Called with how many events the batch probably holds. */
  onEstimate?(events: number): void;
}

/**
 * Begins the transaction and reads the batch from its first event to its last, also where the transaction is committed and
 * begun again in between.
 */
export async function* readBatch(
  transaction: BatchTransaction,
  batch: ReadBatch,
  options: ReadOptions,
): AsyncGenerator<BatchEvent[]> {
  const first = await firstRead(transaction, batch.token, options);
  const { estimate } = first;
  options.onEstimate?.(estimate);
  if (options.afterId === undefined && options.size.isSmall(estimate)) {
    const events = eventsOf(first, options) ?? (await readAtOnce(transaction, options));
    if (events !== undefined) {
      options.onEstimate?.(events.length);
      for (let at = 0; at < events.length; at += EVENTS_A_CALL) yield events.slice(at, at + EVENTS_A_CALL);
      return;
    }
    await transaction.rollBack();
    await transaction.begin();
  }
  const [[counted] = []] = await transaction.rows(estimateSql(batch.token));
  options.onEstimate?.(Number(counted ?? 0));
  yield* readChunks(transaction, batch, options);
}

/** What came with the message that opened the batch, whose transaction is taken over, else the estimate alone. */
async function firstRead(
  transaction: BatchTransaction,
  token: number,
  { first }: ReadOptions,
): Promise<FirstRead> {
  if (first !== undefined) {
    transaction.adopt();
    return first;
  }
  const [[estimate] = []] = await transaction.begin(READ(token));
  return { estimate: Number(estimate ?? 0), bytes: undefined };
}

/** @returns undefined where they did not come with it. */
function eventsOf({ estimate, bytes }: FirstRead, { size, source }: ReadOptions): BatchEvent[] | undefined {
  if (bytes === undefined || estimate > FEW_EVENTS) return undefined;
  const rows = binaryRows(bytes);
  if (rows.length > 0) size.learn(bytes.length, rows.length);
  return rows.map((row) => new BatchEvent(row, source));
}

/**
 * Events by the sequence between the batch's ticks; null for a token that is no longer valid. The token is left in a setting
 * as well: a COPY whose text held it would be another statement each time, for the server's statistics.
 */
export const READ = (token: number | string): string => `select tributary.coop_read(${token})`;

/** Of fewer events it is worth while to try without knowing how many there are. */
const FEW_EVENTS = 200;
/** Of the two functions that may have the events the other one is not even called. */
const copySql = (condition = ''): string => {
  const arm = (events: string, isOfLane: boolean) =>
    `select ${BINARY_COLUMNS} from ${events}(current_setting('tributary.batch')::bigint)
    where current_setting('tributary.batch_lane') = '${isOfLane ? 'yes' : ''}'${condition}`;
  return `copy (${arm('pgq.get_batch_events', false)} union all ${arm('tributary.lane_events', true)}) to stdout (format binary)`;
};
const COPY = copySql();
/** The same, of a batch with few events; of others, and of none, it sends no row. */
export const FEW_COPY = copySql(` and current_setting('tributary.batch_events')::bigint <= ${FEW_EVENTS}`);

/** What was read in the message that opened the batch. */
export interface FirstRead {
  readonly estimate: number;
  /** Undefined: it was more than it looked. */
  readonly bytes: Buffer | undefined;
}

/** @returns undefined where the batch is larger than it looked. */
async function readAtOnce(
  transaction: BatchTransaction,
  { source, size, cancelStatement }: ReadOptions,
): Promise<BatchEvent[] | undefined> {
  const { bytes, isWhole } = await transaction.copyOut(COPY, {
    mostBytes: MOST_BYTES,
    cancel: cancelStatement,
  });
  const rows = binaryRows(bytes);
  if (rows.length > 0 || !isWhole) size.learn(bytes.length, rows.length);
  return isWhole ? rows.map((row) => new BatchEvent(row, source)) : undefined;
}

/** Chunks never end between two events of one id: after a cut the cursor goes on behind the last id. */
async function* readChunks(
  transaction: BatchTransaction,
  batch: ReadBatch,
  { source, size, isGathering, afterId }: ReadOptions,
): AsyncGenerator<BatchEvent[]> {
  let asked = size.rows;
  let lastId = afterId;
  let texts = await transaction.rows(cursorSql(batch, asked, lastId));
  let { generation } = transaction;
  let events: BatchEvent[] = [];
  let bytes = 0;
  for (;;) {
    bytes += learn(size, texts);
    for (const text of texts) events.push(new BatchEvent(new TextRow(text), source));
    const isLast = texts.length < asked;
    const end = usable(
      events.map(({ id }) => id),
      isLast,
    );
    // Half, because the next chunk would come on top.
    const isFull = events.length >= EVENTS_A_CALL || bytes >= MOST_BYTES / 2;
    if (end > 0 && (isLast || isFull || !isGathering)) {
      const rest = events.splice(end);
      lastId = events.at(-1)?.id;
      yield events;
      events = rest;
      bytes = 0;
    }
    if (isLast) return;
    if (generation !== transaction.generation) {
      generation = transaction.generation;
      events = [];
      asked = size.rows;
      texts = await transaction.rows(cursorSql(batch, asked, lastId));
    } else {
      asked = powerOfTwo(Math.min(size.rows, EVENTS_A_CALL - events.length));
      texts = await transaction.rows(`fetch ${asked} from ${CURSOR}`);
    }
  }
}

/** Some events of a batch after `afterId`, in a transaction that the caller ends. */
export async function readSome(
  transaction: BatchTransaction,
  batch: ReadBatch,
  {
    source,
    size,
    limit,
    afterId,
    hasKeys = false,
  }: {
    source: EventSource;
    size: EventSize;
    limit: number;
    afterId: number | undefined;
    hasKeys?: boolean;
  },
): Promise<BatchEvent[]> {
  const keyed = hasKeys && batch.lane !== undefined;
  const texts = await transaction.begin(
    keyed ? keyedCursorSql(batch, limit, afterId) : cursorSql(batch, limit, afterId),
  );
  learn(size, texts);
  return texts.map((text) => new BatchEvent(new TextRow(text), source));
}

/** A few texts of a FETCH, not one for each number: the server's statistics count them all. */
const powerOfTwo = (rows: number): number => 2 ** Math.floor(Math.log2(Math.max(1, rows)));

/** @returns about how many bytes the rows hold. */
function learn(size: EventSize, texts: readonly (readonly (string | null)[])[]): number {
  let characters = 0;
  for (const text of texts)
    for (let column = 4; column < 10; column++) characters += text[column]?.length ?? 0;
  if (texts.length > 0) size.learn(characters, texts.length);
  return characters;
}

const cursorSql = ({ token, lane }: ReadBatch, limit: number, afterId: number | undefined): string =>
  `select * from ${lane === undefined ? 'pgq.get_batch_cursor' : 'tributary.lane_cursor'}(${token}, '${CURSOR}', ${limit}${afterId === undefined ? '' : `, 'ev_id > ${afterId}'`})`;

/** The same with the keys of a lane's events. */
const keyedCursorSql = ({ token }: ReadBatch, limit: number, afterId: number | undefined): string =>
  `select * from tributary.lane_cursor(${token}, '${CURSOR}', ${limit}, ${afterId === undefined ? 'null' : `'ev_id > ${afterId}'`}, true)`;
