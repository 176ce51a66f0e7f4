// How a connection is secured: our own words, and libpq's as they stand in URLs.
//
// Without a word it is `off`. libpq's default, prefer, means "encrypted if the server happens to offer it", which protects
// against nobody; the driver cannot do it; and `require` would refuse the many servers that have no certificate.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Tls } from './config.ts';
import type { UrlParts } from './url.ts';
import type { Source, Value } from './value.ts';

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

/** `sslmode=` and `sslrootcert=` in a URL; undefined where it has neither. */
export function tlsOfUrl({ sslmode, sslrootcert }: UrlParts, value: Value): Tls | undefined {
  if (sslmode === undefined && sslrootcert === undefined) return undefined;
  if (sslmode === 'disable') return { mode: 'off' };
  if (sslrootcert === 'system') return { mode: 'verify' };
  // With an authority at hand libpq checks the certificate even where only `require` is said.
  if (sslrootcert !== undefined) return verifyWith(sslrootcert, value);
  return { mode: sslmode?.startsWith('verify') ? 'verify' : 'require' };
}

function verifyWith(file: string, value: Value): Tls | undefined {
  const ca = readAuthority(file, value.source);
  if ('pem' in ca) return { mode: 'verify', ca: ca.pem };
  return value.problem(
    `${value.name} names the certificate file \`${file}\`, which ${ca.why}: correct the path (relative to this file).`,
  );
}

function readAuthority(file: string, { folder }: Source): { pem: string } | { why: string } {
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
