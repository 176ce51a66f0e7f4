// Reads the package's own SQL files, folder by folder, in the order in which they are applied.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagePath } from '../lifecycle/package-root.ts';

export interface SqlFile {
  /** Relative to the package, with slashes: `sql/pgq/tables/10_queue.sql`. */
  readonly path: string;
  readonly text: string;
}

export interface Migration extends SqlFile {
  readonly version: number;
  readonly name: string;
}

const read = new Map<string, readonly SqlFile[]>();

/** All files of a folder and the folders in it, sorted by path, as they were at the first call; none where it is absent. */
export function sqlFiles(folder: string): readonly SqlFile[] {
  const files = read.get(folder) ?? readFolder(folder);
  read.set(folder, files);
  return files;
}

function readFolder(folder: string): readonly SqlFile[] {
  let entries: string[];
  try {
    entries = readdirSync(packagePath(folder), { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.endsWith('.sql'))
    .map((entry) => join(folder, entry).replaceAll('\\', '/'))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((path) => ({ path, text: readFileSync(packagePath(path), 'utf8') }));
}

/** `0001_central.sql` is version 1, named `central`. */
export function migrations(): Migration[] {
  return sqlFiles('sql/migrations').map((file) => {
    const [, version = '0', name = ''] = /(\d+)_(\w+)\.sql$/.exec(file.path) ?? [];
    return { ...file, version: Number(version), name };
  });
}

/** The mark of a database after these files: where it is equal, they need not be applied again. */
export function markOf(files: readonly SqlFile[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(path).update('\0').update(text).update('\0');
  return `tributary files ${hash.digest('hex').slice(0, 16)}`;
}
