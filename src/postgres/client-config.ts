// What the driver needs for a client: TLS as the file says, the password possibly from ~/.pgpass, a limit for connecting.

import type pg from 'pg';
import type { Database } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { passwordFor } from './password.ts';
import { internalTypes } from './types.ts';

export interface ClientOptions {
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly connectTimeoutMs?: number;
  /** Use `database.admin` where the file gives one. */
  readonly asAdmin?: boolean;
  /** One of the addresses of the host's name; default: any of them. */
  readonly address?: string;
  /** Types as plain pg gives them (int8 as text, timestamps as Date); default: our own, see types.ts. */
  readonly plainTypes?: boolean;
}

/** Our database description as the driver wants it: TLS decided by us, the password possibly from ~/.pgpass. */
export function clientConfig(database: Database, options: ClientOptions): pg.ClientConfig {
  const admin = options.asAdmin ? database.admin : undefined;
  const password = admin === undefined ? database.password : admin.password;
  const user = admin?.user ?? database.user;
  const { channelBinding, keepAliveIdleMs } = database;
  return {
    host: options.address ?? database.host,
    port: database.port,
    database: database.database,
    user,
    // The driver takes a function that has no password to give, though its types know strings only.
    password: password ?? (() => passwordFor(database, user) as Promise<string>),
    ssl: sslOf(database, options),
    application_name: database.applicationName ?? options.applicationName,
    connectionTimeoutMillis: connectTimeoutOf(database, options),
    keepAlive: database.keepAlive ?? true,
    ...(keepAliveIdleMs === undefined ? {} : { keepAliveInitialDelayMillis: keepAliveIdleMs }),
    enableChannelBinding: channelBinding === 'prefer' || channelBinding === 'require',
    ...(options.plainTypes ? {} : { types: internalTypes }),
  };
}

/** The limit in the database's URL bounds the caller's. */
function connectTimeoutOf(
  { connectTimeoutMs: most }: Database,
  { connectTimeoutMs: asked }: ClientOptions,
): number {
  if (most === undefined) return asked ?? TIMING.connections.connectMs;
  if (asked === undefined) return most;
  return most === 0 ? asked : Math.min(most, asked);
}

function sslOf({ tls, host }: Database, { address }: ClientOptions): pg.ClientConfig['ssl'] {
  // As for libpq: what goes through a socket's file leaves no machine.
  if (tls.mode === 'off' || host.startsWith('/')) return false;
  const { client, minVersion } = tls;
  const ours = {
    ...client,
    ...(minVersion === undefined ? {} : { minVersion }),
    // The certificate is the name's.
    ...(address === undefined ? {} : { servername: host }),
  };
  if (tls.mode !== 'verify') return { rejectUnauthorized: false, ...ours };
  return { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }), ...ours };
}
