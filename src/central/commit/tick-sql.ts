// The ticks that go in one message with what was committed just before them.
import type { Row } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';

/**
 * Settings of a tick in a transaction of its own. It waits for a lock no longer than its caller waits for it. It does not
 * wait for the disk: the transaction that hands out its batch commits later and flushes both, and waiting here would only
 * hold the lock that every notifying commit of the server takes in turn.
 */
export const LAZILY =
  "set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '20s', true)";

/** Notified with the queue's name by each tick. */
export const TICK_CHANNEL = 'tributary_tick';

/** @param xid the transaction to cover, or an SQL expression for it. */
const tickSql = (queue: string, xid: number | string): string =>
  `select ${LAZILY}, tributary.tick_after_commit(${literal(queue)}, ${xid}) as covered`;

/** Each in a transaction of its own: none keeps the lock on its queue while another one is ticked. */
export const ticksSql = (queues: readonly string[], xid: number | string): string =>
  queues.length === 1
    ? tickSql(queues[0] as string, xid)
    : queues.map((queue) => `begin; ${tickSql(queue, xid)}; commit`).join('; ');

/** Whether ticks cover it in all its queues, by what the message's statements gave. */
export const isCoveredBy = (results: readonly (readonly Row[])[]): boolean => {
  const covered = results.flatMap(([row]) => (row === undefined || !('covered' in row) ? [] : [row.covered]));
  return covered.length > 0 && covered.every((one) => one === true);
};
