// The tick that goes in one message with what was committed just before it.
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
export const tickSql = (queue: string, xid: number | string): string =>
  `select ${LAZILY}, tributary.tick_after_commit(${literal(queue)}, ${xid}) as covered`;
