// Whether an error is central's trouble or has to do with the events at hand. Never guessed from the error: looked at.
//
// Central's is what makes the connection end or refuse the simplest question, and what forbids to note that one event alone has
// failed (see BatchWork.fail). Everything else is found in smaller transactions, down to the event that fails alone.
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import { HandedBack } from '../rate-limit.ts';
import { endWith } from '../transaction/session.ts';

export interface TriedBatch {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly stopNow: AbortSignal;
}

/**
 * @returns where the error has to do with the events, and nothing is open on the connection.
 * @throws the error itself where central is in trouble, the batch is another's, or the worker has to stop.
 */
export async function assertOfEvents(
  error: unknown,
  { connection, batch, stopNow }: TriedBatch,
): Promise<void> {
  if (stopNow.aborted || error instanceof HandedBack || connection.failed) throw error;
  if (!(await isStillOurs(connection, batch))) throw error;
}

async function isStillOurs(connection: Connection, { token }: CoopBatch): Promise<boolean> {
  try {
    await endWith('rollback', connection);
    const rows = await connection.query('select from pgq.subscription where sub_batch = $1', [token]);
    return rows.length > 0;
  } catch (trouble) {
    // One that does not do this much is of no use any more.
    connection.destroy(trouble as Error);
    return false;
  }
}
