// Whether the server of a connection takes writes, as it reports by itself whenever that changes. Where it does, a statement that
// may not write has met a transaction that was made read-only, by a handler for example.
import type { EventEmitter } from 'node:events';
import type pg from 'pg';

/** What a server reports that takes no writes. */
const REPORTED = ['in_hot_standby', 'default_transaction_read_only'];

/** @returns what the server last reported; undefined: it has reported nothing of it, as PostgreSQL before 14 and most poolers. */
export function watchWrites(client: pg.Client): () => boolean | undefined {
  const reported = new Map<string, boolean>();
  const { connection } = client as unknown as { connection: EventEmitter };
  connection.on('parameterStatus', ({ parameterName, parameterValue }: Record<string, string>) => {
    if (parameterName !== undefined && REPORTED.includes(parameterName))
      reported.set(parameterName, parameterValue === 'off');
  });
  return () => (reported.size === 0 ? undefined : [...reported.values()].every(Boolean));
}
