// Temporary files of a test file.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEachFile } from './after-file.ts';

const folders: string[] = [];

afterEachFile(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder, removed after the test file. */
export function givenFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-test-'));
  folders.push(folder);
  return folder;
}

/** Writes `folder/name` and the folders between; returns its path. */
export function writeFile(
  folder: string,
  name: string,
  { text, mode }: { text: string; mode?: number },
): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  if (mode !== undefined) chmodSync(path, mode);
  return path;
}
