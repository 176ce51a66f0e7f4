// Handles a batch in one transaction, or in parts where too many of its events fail for one.
import type { BatchResult } from '../batch-environment.ts';
import { inPieces } from '../groups/coalesce.ts';
import { readBatch } from '../reading/batch-reader.ts';
import type { Attempt } from './attempt.ts';

export interface WholeOptions {
  /** The last event that is done; undefined: none is. */
  readonly afterId: number | undefined;
  /** Too many of its events failed for one transaction before. */
  readonly isFailing: boolean;
}

/** @throws TooManySavepoints where no cut was possible in time; Tripped where nothing succeeds. */
export async function asAWhole(work: Attempt, { afterId, isFailing }: WholeOptions): Promise<BatchResult> {
  const { handler, record, source, size, cancelStatement } = work.environment;
  const transaction = work.transaction();
  let behind = 0;
  const runner = work.runner(transaction, { isFailing, behind: () => Math.max(0, behind) });
  const chunks = readBatch(transaction, work.batch, {
    source,
    size,
    isGathering: handler.batch !== undefined,
    afterId,
    first: work.environment.first,
    cancelStatement,
    onEstimate: (count) => {
      behind = count;
      record.progress.estimated(count);
    },
  });
  for await (const { piece, read } of inPieces(chunks, work.gathering())) {
    behind -= read;
    await work.handle(piece, runner);
    work.settled(read);
    await work.writeManyOutcomes(transaction);
    work.progress(read);
  }
  await work.finish(transaction);
  return work.result();
}
