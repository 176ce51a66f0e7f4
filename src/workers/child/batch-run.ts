// A batch from its token to its end: as a whole in one transaction; in parts where so many of its events fail that one
// transaction does not suffice; in slices when it has killed workers before.
//
// Invariant: the effects of an event, what became of it, and the end of the batch (or of its part) commit together, under
// the token; who has lost the token commits nothing.
// Fails by: any error before the commit leaves nothing; the batch is handed out again, its openings are counted, and it goes
// on behind the last part.
import type { Connection } from '../../postgres/connection.ts';
import type { CoopBatch } from '../../queue/coop.ts';
import type { BatchEnvironment, BatchResult } from './batch-environment.ts';
import { readBatch } from './batch-reader.ts';
import { inSlices } from './batch-slices.ts';
import { TooManySavepoints } from './batch-transaction.ts';
import { BatchWork } from './batch-work.ts';
import { inPieces } from './coalesce.ts';
import { progressOf } from './doors.ts';
import { runFree } from './free/run.ts';
import { suspicionOf } from './suspicion.ts';

export async function runBatch(
  connection: Connection,
  batch: CoopBatch,
  environment: BatchEnvironment,
): Promise<BatchResult> {
  if (environment.handler.transaction === false) return await runFree({ connection, batch, environment });
  // Each try has its own book: what one decided is rolled back with it.
  const begin = () => new BatchWork(connection, batch, environment);
  const { isKiller, call } = suspicionOf(batch, environment.suspect);
  if (isKiller) return await inSlices(begin(), { isHunting: true, call });
  // No transaction may be open while the rate is waited for, so each part that it allows is one of its own.
  if (environment.rate !== undefined) return await inSlices(begin(), { isHunting: false });
  const progress = () => progressOf(connection, environment.membership, batch);
  const afterId = batch.openings > 1 ? await progress() : undefined;
  try {
    return await asAWhole(begin(), { afterId, isFailing: afterId !== undefined });
  } catch (error) {
    if (!(error instanceof TooManySavepoints)) throw error;
    await connection.script('rollback');
    return await asAWhole(begin(), { afterId: await progress(), isFailing: true });
  }
}

interface WholeOptions {
  /** What is behind this event is done. */
  readonly afterId: number | undefined;
  /** It failed too often for one transaction before. */
  readonly isFailing: boolean;
}

/** In one transaction, unless so many events fail that it has to be cut. */
async function asAWhole(work: BatchWork, { afterId, isFailing }: WholeOptions): Promise<BatchResult> {
  const { handler, source, size, cancelStatement } = work.environment;
  if (afterId !== undefined) work.isInParts = true;
  const transaction = work.transaction();
  let behind = 0;
  const runner = work.runner(transaction, { isFailing, behind: () => Math.max(0, behind) });
  const chunks = readBatch(transaction, work.batch.token, {
    source,
    size,
    isGathering: handler.batch !== undefined,
    afterId,
    cancelStatement,
    onEstimate: (count) => {
      behind = count;
    },
  });
  for await (const { piece, read } of inPieces(chunks, work.gathering())) {
    behind -= read;
    await work.handle(piece, runner);
    await work.writeManyOutcomes(transaction);
    work.progress(read);
  }
  await work.finish(transaction);
  return work.result();
}
