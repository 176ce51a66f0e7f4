// What a URL leaves open, found where libpq looks: in service files, in PG* variables, in the folders of sockets.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { nearest } from './nearest.ts';
import { joined, parameter } from './url/url-parameters.ts';
import { BadUrl, type UrlParts } from './url/url-parts.ts';

/** PGPASSWORD and PGPASSFILE are read by the driver, in every process anew. */
const VARIABLES: Readonly<Record<string, string>> = {
  PGHOST: 'host',
  PGPORT: 'port',
  PGDATABASE: 'dbname',
  PGUSER: 'user',
  PGSSLMODE: 'sslmode',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGAPPNAME: 'application_name',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGCHANNELBINDING: 'channel_binding',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
};

/** Where servers put their sockets: Debian's and Red Hat's packages, and what PostgreSQL does by itself. */
const SOCKET_FOLDERS = ['/var/run/postgresql', '/run/postgresql', '/tmp'];

export interface Surroundings {
  /** What the URL says; where it says nothing, what its service says. */
  readonly said: UrlParts;
  /** Used where neither the URL nor the file says anything: PGSERVICE, then the other variables. */
  readonly around: UrlParts;
}

/** @throws BadUrl */
export function surroundingsOf(url: UrlParts, env: NodeJS.ProcessEnv): Surroundings {
  const said = url.service === undefined ? url : joined(readService(url.service, env), url);
  const variables = readVariables(env);
  const service = env.PGSERVICE;
  if (service === undefined || service === '' || url.service !== undefined)
    return { said, around: variables };
  return { said, around: joined(variables, readService(service, env)) };
}

/** The folder with the socket of a server on this machine; `localhost` where there is no socket. */
export function localHost(port: number): string {
  const folder =
    process.platform === 'win32'
      ? undefined
      : SOCKET_FOLDERS.find((one) => existsSync(join(one, `.s.PGSQL.${port}`)));
  return folder ?? 'localhost';
}

function readVariables(env: NodeJS.ProcessEnv): UrlParts {
  let parts: UrlParts = {};
  for (const [variable, key] of Object.entries(VARIABLES)) {
    const value = env[variable];
    if (value === undefined || value === '') continue;
    parts = joined(
      parts,
      from(`the variable ${variable}`, () => parameter(key, value)),
    );
  }
  return parts;
}

/** From the user's own file where it has the service, else from the system's. */
function readService(name: string, env: NodeJS.ProcessEnv): UrlParts {
  const files = [
    env.PGSERVICEFILE || join(homedir(), '.pg_service.conf'),
    ...(env.PGSYSCONFDIR ? [join(env.PGSYSCONFDIR, 'pg_service.conf')] : SYSTEM_FILES),
  ];
  const names: string[] = [];
  for (const file of files) {
    const services = parseServices(file);
    const found = services.get(name);
    if (found !== undefined) return from(`service ${name} in ${file}`, () => partsOf(found));
    names.push(...services.keys());
  }
  const meant = nearest(name, names);
  throw new BadUrl(
    `names a service that does not exist, ${name}: ${meant === undefined ? `write it into ${files[0]}` : `the nearest is ${meant}`}`,
  );
}

const SYSTEM_FILES = ['/etc/postgresql-common/pg_service.conf', '/etc/pg_service.conf'];

/** The lines of each service of a file; of two with one name the first counts, as for libpq. */
function parseServices(file: string): Map<string, string[]> {
  const services = new Map<string, string[]>();
  let lines: string[] | undefined;
  for (const raw of textOf(file).split(/\r?\n/)) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    if (name === undefined) lines?.push(line);
    else {
      lines = [];
      if (!services.has(name)) services.set(name, lines);
    }
  }
  return services;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // As for libpq a file that is not there holds no service.
    return '';
  }
}

function partsOf(lines: readonly string[]): UrlParts {
  let parts: UrlParts = {};
  for (const line of lines) {
    const equals = line.indexOf('=');
    if (equals === -1) throw new BadUrl('has a line that is not `key=value`');
    const key = line.slice(0, equals).trim();
    if (key === 'service') throw new BadUrl('names another service: write its lines here');
    // The first one counts.
    parts = joined(parameter(key, line.slice(equals + 1).trim()), parts);
  }
  return parts;
}

/** Adds to a mistake where it stands, when that is not the URL. */
function from(place: string, read: () => UrlParts): UrlParts {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadUrl) throw new BadUrl(`is completed by ${place}, which ${error.message}`);
    throw error;
  }
}
