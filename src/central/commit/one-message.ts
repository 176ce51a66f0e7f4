// A small gathered commit as one message: the rows go with the statements, so that it takes one round trip.
//
// Order: as in commit.ts; the COPY names the event table of the previous commit over the same connection, and the first
// statement, which gives the transaction its id, fails where the table is another one by now.
// Fails by: nothing is there unless the whole message arrived; then as in commit.ts.
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { COPY_HEADER, COPY_TRAILER } from '../../postgres/binary-copy.ts';
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import type { Committed } from './committed.ts';
import { copyInSql } from './copy-in.ts';
import { tickSql } from './tick-sql.ts';

export interface OneMessage {
  readonly queue: string;
  readonly chunks: readonly Buffer[];
  /** Ties the transaction to its process. */
  readonly holdSql: string;
  /** Statements behind the rows. */
  readonly behindSql: string;
}

/** Raised by begin_commit. */
const OTHER_TABLE = 'TB011';
/** More is sent piece by piece, as central takes it. */
export const MOST_IN_ONE_MESSAGE_BYTES = 1024 * 1024;

/** Event tables by connection and queue. */
const tables = new WeakMap<Connection, Map<string, string>>();

/** Notes the table that a queue's events went to just now. */
export function noteTable(central: Connection, queue: string, table: string): void {
  const known = tables.get(central) ?? new Map<string, string>();
  tables.set(central, known.set(queue, table));
}

export function fitsOneMessage(chunks: unknown): chunks is readonly Buffer[] {
  return (
    Array.isArray(chunks) &&
    chunks.reduce((sum: number, { length }: Buffer) => sum + length, 0) <= MOST_IN_ONE_MESSAGE_BYTES
  );
}

/** @returns undefined, with nothing left open, where the event table is not known or has changed. */
export async function commitInOneMessage(
  central: Connection,
  { queue, chunks, holdSql, behindSql }: OneMessage,
  timeoutMs: number,
): Promise<Committed | undefined> {
  const table = tables.get(central)?.get(queue);
  if (table === undefined) return undefined;
  const text = [
    'begin isolation level read committed',
    `select tributary.begin_commit(${literal(queue)}, ${literal(table)}) as xid`,
    holdSql,
    copyInSql(table),
    behindSql,
    'commit',
    tickSql(queue, "current_setting('tributary.xid')::bigint"),
  ].join('; ');
  try {
    const results = await central.copyScript(text, [COPY_HEADER, ...chunks, COPY_TRAILER], { timeoutMs });
    return { xid: results[1]?.[0]?.xid as number, isCovered: results.at(-1)?.[0]?.covered === true };
  } catch (error) {
    if (central.failed || sqlstateOf(error) !== OTHER_TABLE) throw error;
    await central.script('rollback', { timeoutMs });
    return undefined;
  }
}
