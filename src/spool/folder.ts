// The folder of a spool: whose it is, and the segments in it, which are files of one writer each.
//
// Invariant: `spool.json` names the inode that it was made in. A copy of the folder, by whatever program, has another one.
import { randomUUID } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isOurs } from '../errors/tributary-error.ts';
import { spoolMistake } from './mistakes.ts';

const IDENTITY = 'spool.json';
const SEGMENT = /^([0-9a-f-]{36})\.(\d{8})\.(log|retired)$/;

export interface Segment {
  readonly path: string;
  readonly writer: string;
  readonly number: number;
  /** Taken from its writer, which notices at its next append and begins another one. */
  readonly isRetired: boolean;
}

interface Identity {
  readonly spool: string;
  readonly inode: string;
  readonly born: string;
}

export interface SpoolFolder {
  /** A uuid; a copy of the folder has the same. */
  readonly spool: string;
  readonly isCopy: boolean;
  /** It was made just now. */
  readonly isNew?: true;
}

/** Makes the folder into a spool where it is none. @throws where that is not possible. */
export function openFolder(folder: string): SpoolFolder {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = spoolIdentity(folder);
    if (found !== undefined) return found;
    writeIdentity(folder, { spool: randomUUID(), replace: false });
    return { ...(spoolIdentity(folder) as SpoolFolder), isNew: true };
  } catch (error) {
    if (isOurs(error)) throw error;
    const { code } = error as { readonly code?: unknown };
    throw spoolMistake(
      `The spool ${folder} cannot be opened (${String(code)}).`,
      'It must be a folder that this user may write to.',
      error,
    );
  }
}

/** The same for programs that only look. @returns undefined where the folder is no spool. */
export function spoolIdentity(folder: string): SpoolFolder | undefined {
  const path = join(folder, IDENTITY);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR'].includes(code)) return undefined;
    throw spoolMistake(`${path} cannot be read (${code}).`, 'Look at the rights of the folder.', error);
  }
  const { spool, inode, born } = parsed(path, text);
  const real = placeOf(statSync(path, { bigint: true }));
  return { spool, isCopy: inode !== real.inode || born !== real.born };
}

/** Says that this copy is the one to go on with. */
export function adoptFolder(folder: string): void {
  const found = spoolIdentity(folder);
  if (found !== undefined) writeIdentity(folder, { spool: found.spool, replace: true });
}

/** In the order in which each writer wrote them. */
function segmentsIn(folder: string): Segment[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const [, writer, number, kind] = SEGMENT.exec(name) ?? [];
      if (writer === undefined) return [];
      return [{ path: join(folder, name), writer, number: Number(number), isRetired: kind === 'retired' }];
    })
    .toSorted((a, b) => (a.writer === b.writer ? a.number - b.number : a.writer < b.writer ? -1 : 1));
}

/** All segments, by writer, each in its order. */
export function segmentsByWriter(folder: string): Map<string, Segment[]> {
  const writers = new Map<string, Segment[]>();
  for (const segment of segmentsIn(folder)) {
    const list = writers.get(segment.writer);
    if (list === undefined) writers.set(segment.writer, [segment]);
    else list.push(segment);
  }
  return writers;
}

export const segmentPath = (folder: string, { writer, number }: { writer: string; number: number }): string =>
  join(folder, `${writer}.${String(number).padStart(8, '0')}.log`);

/** Bytes of all segments. */
export function bytesIn(folder: string): number {
  return segmentsIn(folder).reduce((sum, { path }) => sum + sizeOf(path), 0);
}

/** 0 where the file is gone by now. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Whether the disk, or what this user may have of it, is full. */
export function isNoSpace(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

/** Makes names in the folder outlive a loss of power. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeIdentity(folder: string, { spool, replace }: { spool: string; replace: boolean }): void {
  const path = join(folder, IDENTITY);
  const made = `${path}.${randomUUID()}`;
  const fd = openSync(made, 'wx', 0o600);
  try {
    const identity: Identity = { spool, ...placeOf(fstatSync(fd, { bigint: true })) };
    writeSync(fd, `${JSON.stringify(identity)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // A link keeps the inode, and fails where another process was first.
    if (replace) renameSync(made, path);
    else linkSync(made, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(made, { force: true });
  }
  syncFolder(folder);
}

const placeOf = ({ ino, birthtimeNs }: BigIntStats) => ({ inode: String(ino), born: String(birthtimeNs) });

function parsed(path: string, text: string): Identity {
  try {
    const identity = JSON.parse(text) as Identity;
    if (typeof identity.spool === 'string' && identity.spool.length === 36) return identity;
  } catch {}
  throw spoolMistake(
    `${path} is damaged.`,
    'Restore it: it holds the name under which shards know this spool.',
  );
}

/** How many files were set aside for bytes that are no record. */
export function damagedIn(folder: string): number {
  try {
    return readdirSync(join(folder, 'damaged')).length;
  } catch {
    return 0;
  }
}
