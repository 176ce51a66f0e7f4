// The other end of the proof: what handlers wrote, read from the table they wrote it to.
import type { Connection } from '../postgres/connection.ts';
import { identifier } from '../postgres/quote.ts';
import type { ProofRow } from './origins.ts';

/**
 * @param table has a row for every event that was handled: `origin`, `no` (an identity column) and `txid` (the transaction
 *   that wrote it). Nothing in it may be unique but `no`, or a second handling could not be seen.
 */
export async function readHandled(central: Connection, table: string): Promise<ProofRow[]> {
  return await central.query<ProofRow>(
    `select origin, no as id, txid from ${identifier(table)} order by no`,
    [],
    { timeoutMs: 120_000 },
  );
}
