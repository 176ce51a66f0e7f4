// Sessions of movers on a shard: what they are called there, and an end to those that a silent mover has left behind.
import type { Connection } from '../postgres/connection.ts';

/** Digits of a member's id: with the longest name of an installation the server keeps all of them. */
const DIGITS = 6;

/** The `application_name` of one mover on its shards; those of other movers have other digits. */
export const moverSessions = (installation: string, member: string): string =>
  `tributary mover ${installation} ${member.slice(0, DIGITS)}`;

/**
 * Ends sessions of our role whose name begins like this. A COPY whose reader is frozen, or cut off from us alone, holds a snapshot on
 * the shard, and its rotation; one that idles takes a connection until the server finds out that nobody is there.
 */
export async function endSessions(shard: Connection, name: string): Promise<void> {
  await shard.query(
    `select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity
      where datname = current_database() and usename = current_user and starts_with(application_name, $1) and pid <> pg_backend_pid()`,
    [name],
  );
}
