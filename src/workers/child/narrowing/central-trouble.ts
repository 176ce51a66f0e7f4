// Finds out whether an error is central's trouble or caused by the events at hand: not by its code, but by trying.
//
// Central is in trouble where the connection ends or refuses the simplest query, and where the failure of one event alone
// cannot be written (see Attempt.fail). Any other cause is found in smaller transactions, down to the event that fails alone.
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
 * @returns where the events are the cause; then no transaction is open on the connection.
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
    // A connection that cannot do this much is of no use any more.
    connection.destroy(trouble as Error);
    return false;
  }
}
