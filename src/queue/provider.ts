// Where the PgQ of a database comes from.

/**
 * - `extension`: the real `pgq` extension;
 * - `engine`: our bundled one;
 * - `plain`: another `pgq` in plain SQL, used unchanged like the extension;
 * - `pgque`: PgQue under its own schema.
 */
export type Provider = 'extension' | 'engine' | 'plain' | 'pgque';

/** The schema that holds the PgQ functions of a database. */
export type PgqSchema = 'pgq' | 'pgque';

/** The role that each PgQ creates for ticking, registering and rotating. */
export const adminRoleOf = (schema: PgqSchema): string => `${schema}_admin`;

/** A word that only our engine's `pgq.version()` contains. */
export const ENGINE_MARK = 'tributary';
