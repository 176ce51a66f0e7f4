// Takes a PostgreSQL URL apart. Messages about a wrong one repeat nothing of it that might be a secret.
import { expand } from 'brace-expansion';
import { joined, parameter, portOf } from './url-parameters.ts';
import { BadUrl, type UrlParts } from './url-parts.ts';

/** More databases than this in one line are a typing mistake. */
const MOST_EXPANSIONS = 10_000;

const EXAMPLE = 'postgresql://user@host:5432/database';

/**
 * Braces in host, port and database expand as in a shell, all combinations. User and password are taken as they are.
 * @throws BadUrl
 */
export function expandUrl(text: string): string[] {
  const [start, middle, query] = cutUrl(text);
  // In a shell a dollar sign or a backslash before a brace has a meaning; in a URL both are only characters.
  const literal = middle.replaceAll('$', '%24').replaceAll('\\', '%5C');
  const expanded = expandMiddle(literal);
  if (expanded.length > MOST_EXPANSIONS) {
    throw new BadUrl(
      `expands to more than ${MOST_EXPANSIONS.toLocaleString('en-US')} databases: correct the ranges in braces`,
    );
  }
  if (expanded.some((one) => /[{}]/.test(one))) {
    throw new BadUrl('has braces that do not expand: write a range `{01..16}` or a list `{a,b}`');
  }
  return expanded.map((one) => start + one + query);
}

/** Several servers of one database move through their braces together: the first of each, then the second of each. */
function expandMiddle(text: string): string[] {
  const slash = text.indexOf('/');
  const end = slash === -1 ? text.length : slash;
  const servers = splitOutsideBraces(text.slice(0, end));
  if (servers.length === 1) return expandText(text);
  const lists = servers.map(expandText);
  const count = Math.max(...lists.map(({ length }) => length));
  if (lists.some(({ length }) => length !== count && length !== 1))
    throw new BadUrl(
      `has braces that differ between its servers (${lists.map(({ length }) => length).join(' and ')} names): the first server of each list belongs to the first of the others`,
    );
  const databases = expandText(text.slice(end));
  return Array.from({ length: count }, (_, n) => lists.map((list) => list[n] ?? list[0]).join(',')).flatMap(
    (authority) => databases.map((database) => authority + database),
  );
}

function splitOutsideBraces(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    depth += { '{': 1, '}': -1 }[character] ?? 0;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

const expandText = (text: string): string[] =>
  text === ''
    ? ['']
    : expand(text, { max: MOST_EXPANSIONS + 1, maxLength: (MOST_EXPANSIONS + 2) * (text.length + 1) });

/**
 * Parts that it does not have are undefined; see surroundings.ts.
 * @throws BadUrl
 */
export function parseUrl(text: string): UrlParts {
  const [start, middle, query] = cutUrl(text);
  const slash = middle.indexOf('/');
  const authority = slash === -1 ? middle : middle.slice(0, slash);
  const database = slash === -1 ? '' : decode(middle.slice(slash + 1), 'database');
  return joined(
    { ...hostsOf(authority), ...(database === '' ? {} : { database }), ...userOf(start) },
    queryOf(query),
  );
}

/** The URL for people: never with a password. */
export function urlWithoutSecrets(parts: {
  user: string;
  host: string;
  port: number;
  database: string;
  servers?: readonly { readonly host: string; readonly port: number }[];
}): string {
  const places = (parts.servers ?? [parts]).map(
    ({ host, port }) => `${host.includes(':') ? `[${host}]` : encodeHost(host)}:${port}`,
  );
  return `postgresql://${encodeURIComponent(parts.user)}@${places.join(',')}/${encodeURIComponent(parts.database)}`;
}

/** Scheme with user, host with database, query. */
function cutUrl(text: string): [string, string, string] {
  const scheme = /^(\w[\w+.-]*):\/\//.exec(text);
  if (scheme === null) throw new BadUrl(`must be a URL such as ${EXAMPLE}`);
  if (!/^postgres(ql)?$/i.test(scheme[1] ?? '')) {
    throw new BadUrl(`must start with postgresql://, not ${scheme[1]}://`);
  }
  if (/[\s\p{Cc}]/u.test(text))
    throw new BadUrl('has a space or a line break in it: percent-encode what belongs there');
  const rest = text.slice(scheme[0].length);
  const authorityEnd = rest.search(/[/?#]/);
  const at = (authorityEnd === -1 ? rest : rest.slice(0, authorityEnd)).lastIndexOf('@');
  const start = scheme[0] + rest.slice(0, at + 1);
  const tail = rest.slice(at + 1);
  const question = tail.indexOf('?');
  const middle = question === -1 ? tail : tail.slice(0, question);
  // A raw `/` in a password ends the host part there: whatever follows would be half a secret.
  if (middle.includes('@') || (at === -1 && tail.includes('@'))) {
    throw new BadUrl(
      'has an `@` behind the host: percent-encode `/`, `?`, `#` and `@` in user and password (%2F, %3F, %23, %40)',
    );
  }
  if (middle.includes('#')) throw new BadUrl('has a `#` in it: percent-encode it as %23');
  return [start, middle, question === -1 ? '' : tail.slice(question)];
}

type Place = Pick<UrlParts, 'host' | 'port' | 'moreHosts' | 'morePorts'>;

/** One server, or several with commas between them. */
function hostsOf(authority: string): Place {
  const [first, ...more] = authority.split(',').map(hostOf) as [Place, ...Place[]];
  if (more.length === 0) return first;
  const hosts = [first, ...more].map(({ host }) => host);
  if (hosts.includes(undefined)) throw new BadUrl('has an empty host between its commas');
  return { ...first, moreHosts: hosts.slice(1) as string[], morePorts: more.map(({ port }) => port) };
}

function hostOf(authority: string): Place {
  if (/^[^[]*:.*:/.test(authority)) {
    throw new BadUrl('has more than one colon in the host: an IPv6 address needs brackets, as in [::1]');
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(authority);
  if (match === null)
    throw new BadUrl(
      'has a host that cannot be read: brackets stand around a whole IPv6 address, as in [::1]',
    );
  const host = decode(match[1] ?? match[2] ?? '', 'host');
  const port = match[3];
  return {
    ...(host === '' ? {} : { host }),
    ...(port === undefined || port === '' ? {} : { port: portOf(port) }),
  };
}

function userOf(start: string): { user?: string; password?: string } {
  const info = start.slice(start.indexOf('://') + 3, -1);
  if (info === '') return {};
  const colon = info.indexOf(':');
  const user = decode(colon === -1 ? info : info.slice(0, colon), 'user');
  const password = colon === -1 ? '' : decode(info.slice(colon + 1), 'password');
  return { ...(user === '' ? {} : { user }), ...(password === '' ? {} : { password }) };
}

function queryOf(query: string): UrlParts {
  let found: UrlParts = {};
  for (const pair of query.slice(1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = equals === -1 ? pair : pair.slice(0, equals);
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1), 'parameter');
    found = joined(found, parameter(key, value));
  }
  return found;
}

function decode(text: string, what: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new BadUrl(`has a \`%\` in the ${what} that starts no percent-encoding: write it as %25`);
  }
  if (decoded.includes('\0')) throw new BadUrl(`has a zero byte in the ${what}`);
  return decoded;
}

const encodeHost = (host: string): string => encodeURIComponent(host).replaceAll('%3A', ':');
