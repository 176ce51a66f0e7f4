// The tick that goes in one message with what was committed just before it.
import { literal } from '../../postgres/quote.ts';

/**
 * For a tick, which may not wait for a lock for longer than whoever asks for it waits.
 * Beside a tick that is a transaction of its own: whoever hands out its batch commits behind it and flushes both, so that
 * waiting for the disk here would only hold the lock that all who notify on the server take in turn.
 */
export const LAZILY =
  "set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '20s', true)";

/** Notified with the queue's name by each tick. */
export const TICK_CHANNEL = 'tributary_tick';

/** @param xid the transaction to cover, or an expression that tells it. */
export const tickSql = (queue: string, xid: number | string): string =>
  `select ${LAZILY}, tributary.tick_after_commit(${literal(queue)}, ${xid}) as covered`;
