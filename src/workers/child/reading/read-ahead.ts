// Reads a part of a batch in a transaction of its own, which ends before the events are handled.
import type { BatchEvent, EventSource } from '../../../handler/event.ts';
import type { BatchTransaction } from '../transaction/batch-transaction.ts';
import { type EventSize, type ReadBatch, readSome } from './batch-reader.ts';
import { usable } from './same-id.ts';

export interface ReadAheadOptions {
  readonly batch: ReadBatch;
  readonly source: EventSource;
  readonly size: EventSize;
  /** Only events after this one. */
  readonly afterId: number | undefined;
  /** Those of a lane come with their keys. */
  readonly hasKeys?: boolean;
}

/** @returns the next events, never only some of one id; `isAll`: there are no more. */
export async function readAhead(
  newTransaction: () => BatchTransaction,
  { batch, source, size, afterId, hasKeys = false }: ReadAheadOptions,
): Promise<{ readonly events: BatchEvent[]; readonly isAll: boolean }> {
  for (let limit = size.rows; ; limit *= 2) {
    const transaction = newTransaction();
    const events = await readSome(transaction, batch, { source, size, limit, afterId, hasKeys });
    await transaction.rollBack();
    const isAll = events.length < limit;
    const end = usable(
      events.map(({ id }) => id),
      isAll,
    );
    if (end > 0 || isAll) return { events: events.slice(0, end), isAll };
  }
}
