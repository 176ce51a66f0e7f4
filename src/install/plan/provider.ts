// Judges from facts which PgQ a database has. Pure.
import { identifier } from '../../postgres/quote.ts';
import type { PgqSchema, Provider } from '../../queue/provider.ts';
import type { DatabaseFacts } from '../facts/database.ts';
import { strangerHindrance } from '../facts/strangers.ts';

/** Earlier versions of the extension have other tables. */
const OLDEST_EXTENSION = [3, 2] as const;
const OLDEST_SERVER = 140000;

export type Finding =
  | { readonly provider: Provider; readonly version: string | undefined }
  /** The bundled engine can go here. */
  | { readonly provider: undefined; readonly version: undefined }
  | { readonly mistake: string };

/** @param place how the database is named in sentences, e.g. `shard app_017 (db02:5432/app_017)`. */
export function findProvider({ pgq }: DatabaseFacts, schema: PgqSchema, place: string): Finding {
  if (schema === 'pgque') {
    if (!pgq.hasPgque) {
      return {
        mistake: `${place} says \`schema: pgque\` and has no such schema: install PgQue there, or take the line out.`,
      };
    }
    return { provider: 'pgque', version: pgq.version };
  }
  if (pgq.extension !== undefined) {
    if (isOlder(pgq.extension)) {
      return {
        mistake: `${place} has the extension pgq ${pgq.extension}, and 3.2 is the oldest that works: update it with \`alter extension pgq update\` after installing a newer package.`,
      };
    }
    return { provider: 'extension', version: pgq.extension };
  }
  if (pgq.hasPgq) {
    return pgq.isOurEngine
      ? { provider: 'engine', version: pgq.version }
      : { provider: 'plain', version: pgq.version };
  }
  if (pgq.hasPgque) {
    return {
      mistake: `${place} has PgQue in schema pgque and no schema pgq: add \`schema: pgque\` to this shard to move its queues.`,
    };
  }
  return { provider: undefined, version: undefined };
}

/** Why a server cannot be used, whatever PgQ it has; undefined: it can. */
export function findUnfit({ server, queues, strangers }: DatabaseFacts, place: string): string | undefined {
  if (server.versionNumber < OLDEST_SERVER) {
    return `${place} runs PostgreSQL ${server.version}, and 14 is the oldest that works: upgrade it.`;
  }
  if (server.inRecovery) {
    return `${place} is a standby in recovery: name the primary, where ticks and registrations can be written.`;
  }
  if (server.isReadOnly) {
    return `${place} lets role ${server.role} only read (default_transaction_read_only): \`alter role ${identifier(server.role)} set default_transaction_read_only = off\`, or set it so for the database.`;
  }
  const stranger = strangerHindrance(strangers, place);
  if (stranger !== undefined) return stranger;
  const future = [...queues.wanted.values()].find((queue) => queue.isFromTheFuture);
  if (future !== undefined) {
    return `${place}: queue ${future.name} has ticks with transaction ids that this server has not reached, so it was restored into a younger cluster: raise the cluster's next transaction id with pg_resetwal, or drop and create the queue.`;
  }
  return undefined;
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST_EXTENSION[0] || (major === OLDEST_EXTENSION[0] && minor < OLDEST_EXTENSION[1]);
}
