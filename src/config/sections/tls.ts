// How a connection is secured: our own words, and libpq's as they stand in URLs.
//
// The default is `off`. libpq's default, prefer, means "encrypted if the server happens to offer it", which protects
// against no attacker; and `require` would refuse the many servers that have no certificate.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { OurTls, Tls } from '../config.ts';
import type { UrlParts } from '../url/url-parts.ts';
import type { TextPlace, Value } from '../value.ts';

const WANTED = '`off`, `require`, `verify` or `{ ca: FILE }`';

/** `tls:` in the file. */
export function readTls(value: Value): Tls | undefined {
  if (!value.isMap) {
    const word = value.scalar(WANTED);
    if (word === undefined) return undefined;
    if (word.text === 'off' || word.text === 'require' || word.text === 'verify') return { mode: word.text };
    return value.problem(`${value.name} must be ${WANTED}, not ${word.shown}.`);
  }
  const file = value
    .section(['ca'])
    ?.require('ca', '`ca: FILE` with the certificate of the authority')
    ?.text('a file');
  return file === undefined ? undefined : verifyWith(file, value);
}

/** What the parameters of a URL say of it; undefined where they say nothing. */
export function tlsOfUrl(url: UrlParts, value: TextPlace): Tls | undefined {
  const { sslmode, sslMinVersion } = url;
  if (sslmode === 'disable') return { mode: 'off' };
  const server = serverTls(url, value);
  if (server === undefined) return undefined;
  const client = clientOf(url, value);
  return {
    ...server,
    ...(client === undefined ? {} : { client }),
    ...(sslMinVersion === undefined ? {} : { minVersion: sslMinVersion }),
  };
}

function serverTls({ sslmode, sslrootcert }: UrlParts, value: TextPlace): Tls | undefined {
  if (sslmode === undefined && sslrootcert === undefined) return undefined;
  if (sslrootcert === 'system') return { mode: 'verify' };
  // With an authority at hand libpq checks the certificate even where only `require` is said.
  if (sslrootcert !== undefined) return verifyWith(sslrootcert, value);
  if (sslmode === 'allow' || sslmode === 'prefer') return { mode: 'prefer' };
  return { mode: sslmode?.startsWith('verify') ? 'verify' : 'require' };
}

/** `sslcert=` and `sslkey=`, which go together. */
function clientOf({ sslcert, sslkey }: UrlParts, value: TextPlace): OurTls['client'] {
  if (sslcert === undefined && sslkey === undefined) return undefined;
  if (sslcert === undefined || sslkey === undefined)
    return value.problem(`${value.name} has only one of sslcert and sslkey: it needs both.`);
  const [cert, key] = [sslcert, sslkey].map((file) => {
    try {
      return readFileSync(resolve(value.source.folder, file), 'utf8');
    } catch (error) {
      return value.problem(
        `${value.name} names the file \`${file}\`, which ${whyUnreadable(error)}: correct the path (relative to this file).`,
      );
    }
  });
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

function verifyWith(file: string, value: TextPlace): Tls | undefined {
  const ca = readAuthority(file, value.source);
  if ('pem' in ca) return { mode: 'verify', ca: ca.pem };
  return value.problem(
    `${value.name} names the certificate file \`${file}\`, which ${ca.why}: correct the path (relative to this file).`,
  );
}

function readAuthority(file: string, { folder }: TextPlace['source']): { pem: string } | { why: string } {
  try {
    const pem = readFileSync(resolve(folder, file), 'utf8');
    return pem.includes('-----BEGIN CERTIFICATE-----')
      ? { pem }
      : { why: 'holds no certificate in PEM form' };
  } catch (error) {
    return { why: whyUnreadable(error) };
  }
}

/** Why a file cannot be read, as the end of a sentence. */
export function whyUnreadable(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist';
    case 'EISDIR':
      return 'is a folder';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user';
    default:
      return 'cannot be read';
  }
}
