// The parts of a PostgreSQL URL, and the error for a wrong one.

export interface UrlParts {
  /** A name, an address, or the folder of a socket, which begins with a slash. */
  readonly host?: string;
  readonly port?: number;
  /** Further servers, of which one at a time takes writes. */
  readonly moreHosts?: readonly string[];
  /** Their ports; undefined: that of none. A `port` without them is the port of all. */
  readonly morePorts?: readonly (number | undefined)[];
  /** Only a server that takes writes will do. */
  readonly needsPrimary?: boolean;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  /** The section of a service file that has more. */
  readonly service?: string;
  readonly sslmode?: string;
  readonly sslrootcert?: string;
  readonly sslcert?: string;
  readonly sslkey?: string;
  readonly sslMinVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly applicationName?: string;
  /** 0: none. */
  readonly connectTimeoutMs?: number;
  readonly keepAlive?: boolean;
  readonly keepAliveIdleMs?: number;
  readonly channelBinding?: 'disable' | 'prefer' | 'require';
  /** Parameters that are known and change nothing here. */
  readonly withoutEffect?: readonly string[];
}

/** The mistake as a sentence without its subject (`has no host`); it repeats nothing that might be a secret. */
export class BadUrl extends Error {}
