// One entry of `central:` or `shards:` → the databases it names, with `defaults:` filled in.
import { userInfo } from 'node:os';
import type { Access, Database, Server } from '../config.ts';
import type { Section } from '../section.ts';
import { localHost, type Surroundings, surroundingsOf } from '../surroundings.ts';
import { expandUrl, parseUrl, urlWithoutSecrets } from '../url/url.ts';
import { BadUrl, type UrlParts } from '../url/url-parts.ts';
import type { Text, TextPlace, Value } from '../value.ts';
import { readTls, tlsOfUrl } from './tls.ts';

export const ACCESS_KEYS = ['user', 'password', 'tls', 'admin', 'ticker'] as const;
const EXAMPLE = 'postgresql://user@host:5432/database';
const URL_WANTED = `a URL such as ${EXAMPLE}`;

export function readAccess(section: Section): Access {
  const user = section.get('user')?.text('the name of a role');
  const password = section.get('password');
  const passwordText = password === undefined ? undefined : secret(password, 'a password');
  const tls = section.get('tls');
  const admin = section.get('admin');
  return compact({
    user,
    password: passwordText,
    tls: tls === undefined ? undefined : readTls(tls),
    admin: admin === undefined ? undefined : readAdmin(admin),
    ticker: section.get('ticker')?.oneOf(['auto', 'always', 'never']),
    schema: section.get('schema')?.oneOf(['pgq', 'pgque']),
    port: section.get('port')?.whole('a port from 1 to 65535', { min: 1, max: 65_535 }),
    host: section.get('host')?.text('the name of a machine'),
  });
}

/** The URLs that one value names, braces expanded. A mistake is reported once, whatever the number of URLs. */
export function readUrls(value: Value, { isOne = false } = {}): UrlParts[] {
  const text = value.scalar(URL_WANTED);
  if (text === undefined) return [];
  try {
    const urls = expandUrl(text.text).map(parseUrl);
    if (isOne && urls.length !== 1)
      throw new BadUrl(`names ${urls.length} databases, and there is one central database`);
    if (urls.some((url) => url.password !== undefined)) warnOfPlainSecret(value, text);
    return urls;
  } catch (error) {
    if (!(error instanceof BadUrl)) throw error;
    value.problem(`${value.name} ${error.message}${text.isFromEnv ? ` (it is ${text.shown})` : ''}.`);
    return [];
  }
}

/**
 * The entry counts first, then its URL with its service, then the defaults, then PG* variables. The same thing in the entry
 * and in the URL is a mistake.
 */
export function toDatabase(
  url: UrlParts,
  { own, defaults, value }: { own: Access; defaults: Access; value: TextPlace },
): Database | undefined {
  for (const key of ['user', 'password'] as const) {
    if (own[key] !== undefined && url[key] !== undefined) {
      return value.problem(`${value.name} has a ${key} in its URL and under \`${key}\`: keep one.`);
    }
  }
  if (own.tls !== undefined && (url.sslmode ?? url.sslrootcert) !== undefined) {
    return value.problem(
      `${value.name} has sslmode or sslrootcert in its URL and \`tls\` beside it: keep one.`,
    );
  }
  const where = whereIs(url, { defaults, value });
  if (where === undefined) return undefined;
  const { said, around, ...place } = where;
  const user = own.user ?? said.user ?? defaults.user ?? around.user ?? systemUser();
  if (user === undefined)
    return value.problem(`${value.name} needs a user: write it in the URL or under \`defaults\`.`);
  const { applicationName, connectTimeoutMs, keepAlive, keepAliveIdleMs, channelBinding } = {
    ...around,
    ...said,
  };
  return compact({
    ...place,
    user,
    password: own.password ?? said.password ?? defaults.password ?? around.password,
    tls: own.tls ?? tlsOfUrl(said, value) ?? defaults.tls ?? tlsOfUrl(around, value) ?? { mode: 'off' },
    displayUrl: urlWithoutSecrets({ user, ...place }),
    admin: own.admin ?? defaults.admin,
    ticker: own.ticker ?? defaults.ticker ?? 'auto',
    ...{ applicationName, connectTimeoutMs, keepAlive, keepAliveIdleMs, channelBinding },
  });
}

/** Host, port and database, and what else the URL and its surroundings say. */
function whereIs(
  url: UrlParts,
  { defaults, value }: { readonly defaults: Access; readonly value: TextPlace },
): (Place & { database: string } & Surroundings) | undefined {
  try {
    const { said, around } = surroundingsOf(url, value.source.env);
    for (const name of said.withoutEffect ?? [])
      value.warn(`${value.name} has the parameter \`${name}\`, which has no effect here.`);
    const usual = defaults.port ?? around.port ?? 5432;
    const port = said.port ?? usual;
    const database = said.database ?? around.database;
    if (database === undefined)
      throw new BadUrl(`names no database: write it at the end, as in ${EXAMPLE}, or set PGDATABASE`);
    return { ...serversOf({ said, around }, { port, usual }), database, said, around };
  } catch (error) {
    if (!(error instanceof BadUrl)) throw error;
    return value.problem(`${value.name} ${error.message}.`);
  }
}

interface Place extends Server {
  readonly servers?: readonly Server[];
}

/** @throws BadUrl where the numbers of hosts and ports differ. */
function serversOf(
  { said, around }: Surroundings,
  { port, usual }: { readonly port: number; readonly usual: number },
): Place {
  const { host = localHost(port), moreHosts = [] } = said.host === undefined ? around : said;
  const hasOwnPorts = said.port !== undefined || said.morePorts !== undefined;
  const { morePorts } = hasOwnPorts ? said : around;
  if (morePorts !== undefined && morePorts.length !== moreHosts.length)
    throw new BadUrl(
      `has ${moreHosts.length + 1} hosts and ${morePorts.length + 1} ports: give one port for all, or one for each`,
    );
  const first = { host, port };
  const others = moreHosts.map((one, at) => ({
    host: one,
    port: morePorts === undefined ? port : (morePorts[at] ?? usual),
  }));
  const needsSearch = others.length > 0 || (said.needsPrimary ?? around.needsPrimary) === true;
  return needsSearch ? { ...first, servers: [first, ...others] } : first;
}

/** `central:` is one of these, or `url:` in a map with the keys of a database. */
export function readCentral(value: Value, defaults: Access): Database | undefined {
  const section = value.isMap ? value.section(['url', ...ACCESS_KEYS]) : undefined;
  const urlValue = section === undefined ? value : section.require('url', '`url: !env CENTRAL_URL`');
  const own = section === undefined ? {} : readAccess(section);
  const [url] = urlValue === undefined ? [] : readUrls(urlValue, { isOne: true });
  return url === undefined ? undefined : toDatabase(url, { own, defaults, value });
}

/** A secret; written in the file itself it is warned of where others can read the file. */
export function secret(value: Value, wanted: string): string | undefined {
  const text = value.scalar(wanted);
  if (text !== undefined) warnOfPlainSecret(value, text);
  return text?.text;
}

function warnOfPlainSecret(value: Value, { isFromEnv }: Text): void {
  if (isFromEnv || !value.source.isReadableByOthers) return;
  value.warn(
    `${value.name} holds a secret in a file that others can read: write \`!env NAME\` and set the variable, or \`chmod 600\` the file.`,
  );
}

function readAdmin(value: Value): Access['admin'] | undefined {
  if (value.isMap) {
    const section = value.section(['user', 'password']);
    const user = section?.require('user', 'the name of the role')?.text('the name of a role');
    const password = section?.get('password');
    const passwordText = password === undefined ? undefined : secret(password, 'a password');
    return user === undefined ? undefined : compact({ user, password: passwordText });
  }
  const wanted = 'a role, `role:password`, or `{ user, password }`';
  const text = value.scalar(wanted);
  if (text === undefined) return undefined;
  const colon = text.text.indexOf(':');
  const user = colon === -1 ? text.text : text.text.slice(0, colon);
  if (user === '' || text.text.includes('://'))
    return value.problem(`${value.name} must be ${wanted}, not a URL.`);
  if (colon !== -1) warnOfPlainSecret(value, text);
  return compact({ user, password: colon === -1 ? undefined : text.text.slice(colon + 1) });
}

function systemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user id that has no name.
    return undefined;
  }
}

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the keys that have no value: absent and undefined differ in the Config. */
export function compact<T extends object>(values: T): Compact<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Compact<T>;
}
