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
import { type QueueRows, queuesOf } from './queue-rows.ts';
import { isCoveredBy, ticksSql } from './tick-sql.ts';

/** Rows of one queue that are at hand. */
export type HeldRows = QueueRows & { readonly chunks: readonly Buffer[] };

export interface OneMessage {
  readonly parts: readonly HeldRows[];
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

export function fitsOneMessage(parts: readonly QueueRows[]): parts is readonly HeldRows[] {
  let bytes = 0;
  for (const { chunks } of parts) {
    if (!Array.isArray(chunks)) return false;
    for (const { length } of chunks as readonly Buffer[]) bytes += length;
  }
  return bytes <= MOST_IN_ONE_MESSAGE_BYTES;
}

/** @returns undefined, with nothing left open, where an event table is not known or has changed. */
export async function commitInOneMessage(
  central: Connection,
  { parts, holdSql, behindSql }: OneMessage,
  timeoutMs: number,
): Promise<Committed | undefined> {
  const known = tables.get(central);
  const copies = parts.map(({ queue, chunks }) => ({ queue, chunks, table: known?.get(queue) }));
  if (copies.some(({ table }) => table === undefined)) return undefined;
  const queues = queuesOf(parts);
  const text = [
    'begin isolation level read committed',
    ...queues.map(
      (queue) =>
        `select tributary.begin_commit(${literal(queue)}, ${literal(known?.get(queue) as string)}) as xid`,
    ),
    holdSql,
    ...copies.map(({ table }) => copyInSql(table as string)),
    behindSql,
    'commit',
    ticksSql(queues, "current_setting('tributary.xid')::bigint"),
  ].join('; ');
  try {
    const data = copies.map(({ chunks }) => [COPY_HEADER, ...chunks, COPY_TRAILER]);
    const results = await central.copyScript(text, data, { timeoutMs });
    return { xid: results[1]?.[0]?.xid as number, queues, isCovered: isCoveredBy(results) };
  } catch (error) {
    if (central.failed || sqlstateOf(error) !== OTHER_TABLE) throw error;
    await central.script('rollback', { timeoutMs });
    return undefined;
  }
}
