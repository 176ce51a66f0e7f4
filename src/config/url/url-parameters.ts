// The parameters of a PostgreSQL URL, which are those of service files and PG* variables as well: libpq's names and meanings.
import { nearest } from '../nearest.ts';
import { BadUrl, type UrlParts } from './url-parts.ts';

type Reader = (value: string) => Partial<UrlParts>;

const SSLMODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/** What each parameter gives. A reader that gives nothing only refuses values that we cannot honour. */
const READERS: Readonly<Record<string, Reader>> = {
  host: (hosts) => {
    const [host = '', ...moreHosts] = hosts.split(',');
    return { host, ...(moreHosts.length === 0 ? {} : { moreHosts }) };
  },
  port: (ports) => {
    const [port = '', ...more] = ports.split(',');
    if (more.length === 0) return { port: portOf(port) };
    const [first, ...morePorts] = [port, ...more].map((one) => (one === '' ? undefined : portOf(one)));
    return { ...(first === undefined ? {} : { port: first }), morePorts };
  },
  dbname: (database) => ({ database }),
  user: (user) => ({ user }),
  password: (password) => ({ password }),
  service: (service) => ({ service }),
  sslmode: (sslmode) => ({ sslmode: oneOf('sslmode', sslmode, SSLMODES) }),
  // As JDBC and others write it; libpq understands it in URLs.
  ssl: (ssl) => (oneOf('ssl', ssl, ['true']) === 'true' ? { sslmode: 'require' } : {}),
  sslrootcert: (sslrootcert) => ({ sslrootcert }),
  sslcert: (sslcert) => ({ sslcert }),
  sslkey: (sslkey) => ({ sslkey }),
  ssl_min_protocol_version: (version) => ({
    sslMinVersion: oneOf('ssl_min_protocol_version', version, TLS_VERSIONS),
  }),
  application_name: (applicationName) => ({ applicationName }),
  // 0 waits for as long as the system does.
  connect_timeout: (text) => ({ connectTimeoutMs: Math.max(0, wholeOf('connect_timeout', text)) * 1_000 }),
  keepalives: (text) => ({ keepAlive: wholeOf('keepalives', text) !== 0 }),
  keepalives_idle: (text) => ({ keepAliveIdleMs: Math.max(0, wholeOf('keepalives_idle', text)) * 1_000 }),
  channel_binding: (word) => ({
    channelBinding: oneOf('channel_binding', word, ['disable', 'prefer', 'require']),
  }),
  target_session_attrs: (word) => {
    const attributes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
    const wanted = oneOf('target_session_attrs', word, attributes);
    if (wanted === 'read-only' || wanted === 'standby')
      throw new BadUrl(
        `has target_session_attrs=${wanted}, and here every database is written to: name a primary`,
      );
    return wanted === 'read-write' || wanted === 'primary' ? { needsPrimary: true } : {};
  },
  client_encoding: (word) => {
    if (!/^(utf-?8|unicode|auto)$/i.test(word))
      throw new BadUrl('has a client_encoding other than UTF8, which alone is spoken here: leave it out');
    return {};
  },
  gssencmode: (word) => {
    if (oneOf('gssencmode', word, ['disable', 'prefer', 'require']) === 'require')
      throw new BadUrl('has gssencmode=require, which the driver cannot do: use TLS');
    return {};
  },
};

/** Accepted without effect: nothing rests on what they change. */
const WITHOUT_EFFECT: readonly string[] = [
  ...['fallback_application_name', 'keepalives_interval', 'keepalives_count', 'tcp_user_timeout'],
  ...['sslcompression', 'sslsni', 'sslnegotiation', 'ssl_max_protocol_version', 'load_balance_hosts'],
  ...['min_protocol_version', 'max_protocol_version', 'krbsrvname', 'gsslib', 'gssdelegation'],
  'uselibpqcompat',
];

/** Refused: ignoring them would not do what was asked for. */
const REFUSED: Readonly<Record<string, string>> = {
  hostaddr: 'write the address in place of the host',
  passfile: 'set the variable PGPASSFILE',
  options: 'a pooler would not pass it on; `alter role NAME set SETTING` does the same',
  replication: 'nothing here is replicated that way',
  requirepeer: 'leave it out',
  require_auth: 'say on the server, in pg_hba.conf, how roles authenticate',
  sslpassword: 'use a key without a passphrase',
  sslcrl: 'the driver checks no revocations; leave it out',
  sslcrldir: 'the driver checks no revocations; leave it out',
};

const KNOWN = [...Object.keys(READERS), ...WITHOUT_EFFECT];

/** @throws BadUrl that never repeats a value. */
export function parameter(key: string, value: string): Partial<UrlParts> {
  const refused = REFUSED[key];
  if (refused !== undefined)
    throw new BadUrl(`has the parameter \`${key}\`, which is not supported: ${refused}`);
  if (WITHOUT_EFFECT.includes(key)) return { withoutEffect: [key] };
  const read = READERS[key];
  if (read === undefined) throw new BadUrl(unknown(key));
  if (value === '') throw new BadUrl(`has \`${key}\` without a value`);
  return read(value);
}

/** Both together; where they differ the second one counts. */
export function joined(weaker: UrlParts, stronger: UrlParts): UrlParts {
  const withoutEffect = [...(weaker.withoutEffect ?? []), ...(stronger.withoutEffect ?? [])];
  const { host, moreHosts, port, morePorts, ...others } = weaker;
  // Hosts replace hosts, and ports replace ports, all at once.
  const hosts = stronger.host === undefined ? given({ host, moreHosts }) : {};
  const ports =
    stronger.port === undefined && stronger.morePorts === undefined ? given({ port, morePorts }) : {};
  return {
    ...others,
    ...hosts,
    ...ports,
    ...stronger,
    ...(withoutEffect.length === 0 ? {} : { withoutEffect }),
  };
}

/** @throws BadUrl */
export function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new BadUrl('has a port that is no number from 1 to 65535');
}

const given = (parts: Record<string, unknown>): Partial<UrlParts> =>
  Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));

function oneOf<Word extends string>(key: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  const article = /^[aeiosu]/.test(key) ? 'an' : 'a';
  throw new BadUrl(
    `has ${article} ${key} that is not known: it must be ${words.length === 1 ? '' : 'one of '}${words.join(', ')}`,
  );
}

function wholeOf(key: string, text: string): number {
  if (/^-?\d{1,6}$/.test(text)) return Number(text);
  throw new BadUrl(`has \`${key}\` that is no whole number`);
}

function unknown(key: string): string {
  // A key that is no plain word may be a piece of a password.
  if (!/^\w{1,40}$/.test(key))
    return 'has a parameter that is not known: see docs/configuration.md for those that are';
  const meant = nearest(key, KNOWN);
  const help = meant === undefined ? 'remove it' : `the nearest is \`${meant}\``;
  return `has a parameter that is not known, \`${key}\`: ${help}`;
}
