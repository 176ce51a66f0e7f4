// The server's folder: where it may be, and what the server's own files in it say.
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Account } from './account.ts';

export interface Folder {
  readonly path: string;
  readonly data: string;
  readonly passwordFile: string;
  writePassword(password: string): void;
  removePassword(): void;
  /** Lets a role in without a password, from this machine; before the server starts. */
  trust(role: string): void;
  /** Whether the server with this process id takes connections, be it a standby. */
  saysReady(pid: number): boolean;
  /** The last error of initdb or the server. */
  lastWords(): string;
}

/** The output of initdb and the server, inside the folder. */
export const LOG_FILE = 'server.log';

const MAY_ENTER = 0o001;

/** A new folder under the system's temporary one, belonging to `account`. */
export function makeFolder(account: Account | undefined): Folder {
  const path = mkdtempSync(join(temporaryRoot(account), 'tributary-postgres-'));
  const data = join(path, 'data');
  const passwordFile = join(path, 'password');
  const give = (target: string) => {
    if (account !== undefined) chownSync(target, account.uid, account.gid);
  };
  give(path);
  return {
    path,
    data,
    passwordFile,
    writePassword(password) {
      writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
      give(passwordFile);
    },
    removePassword: () => rmSync(passwordFile),
    trust(role) {
      // The first line that fits decides.
      const rules = join(data, 'pg_hba.conf');
      writeFileSync(rules, `host all ${role} 127.0.0.1/32 trust\n${read(rules)}`);
    },
    saysReady(pid) {
      // Its first line is the server's process id, the eighth its state.
      const lines = read(join(data, 'postmaster.pid')).split('\n');
      return lines[0] === String(pid) && ['ready', 'standby'].includes(lines[7]?.trim() ?? '');
    },
    lastWords() {
      const lines = read(join(path, LOG_FILE)).trim().split('\n');
      const complaint = lines.findLast((line) => /FATAL|PANIC|error|not found|cannot/i.test(line));
      const said = complaint ?? lines.at(-1) ?? '';
      return said.replace(/^.*?(FATAL|PANIC|initdb: error): */, '') || 'it said nothing.';
    },
  };
}

/** As root not simply the temporary folder: it may be one that the server's account cannot enter. */
function temporaryRoot(account: Account | undefined): string {
  if (account === undefined) return tmpdir();
  const candidates = [...new Set([tmpdir(), '/tmp', '/var/tmp'])];
  const found = candidates.find(allMayEnter);
  if (found !== undefined) return found;
  throw new TributaryError(`No temporary folder (${candidates.join(', ')}) may be entered by all users.`, {
    code: 'embedded-folder',
    kind: 'misconfigured',
    remedy: 'Set TMPDIR to one that may.',
  });
}

function allMayEnter(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || (stats.mode & MAY_ENTER) === 0) return false;
  return dirname(path) === path || allMayEnter(dirname(path));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
