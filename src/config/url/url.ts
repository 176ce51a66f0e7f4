// Takes a PostgreSQL URL apart. Messages about a wrong one repeat nothing of it that might be a secret.
import { expand } from 'brace-expansion';
import { joined, oneHost, parameter, portOf } from './url-parameters.ts';
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
  const expanded =
    literal === ''
      ? ['']
      : expand(literal, {
          max: MOST_EXPANSIONS + 1,
          maxLength: (MOST_EXPANSIONS + 2) * (literal.length + 1),
        });
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
    { ...hostOf(authority), ...(database === '' ? {} : { database }), ...userOf(start) },
    queryOf(query),
  );
}

/** The URL for people: never with a password. */
export function urlWithoutSecrets(parts: {
  user: string;
  host: string;
  port: number;
  database: string;
}): string {
  const host = parts.host.includes(':') ? `[${parts.host}]` : encodeHost(parts.host);
  return `postgresql://${encodeURIComponent(parts.user)}@${host}:${parts.port}/${encodeURIComponent(parts.database)}`;
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

function hostOf(authority: string): { host?: string; port?: number } {
  oneHost(authority);
  if (/^[^[]*:.*:/.test(authority)) {
    throw new BadUrl('has more than one colon in the host: an IPv6 address needs brackets, as in [::1]');
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(authority);
  if (match === null)
    throw new BadUrl(
      'has a host that cannot be read: brackets stand around a whole IPv6 address, as in [::1]',
    );
  const host = oneHost(decode(match[1] ?? match[2] ?? '', 'host'));
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
