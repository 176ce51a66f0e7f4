// Events that the shard refuses and an operator has set aside: files in the folder `refused`, one for each record, as lines that
// `tributary send` takes.
//
// Invariant: a record is in its file, on the disk, before its writer goes on behind it. Its name is the same at every try, so
// that a kill in between leaves one file.
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from './folder.ts';
import type { SpoolRecord } from './record.ts';

const FIELDS = ['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;

/** What was set aside for one queue. */
export interface RefusedFiles {
  readonly path: string;
  readonly files: number;
}

const homeOf = (folder: string): string => join(folder, 'refused');

/** @returns the folder of the queue. */
export function setAside(
  folder: string,
  writer: string,
  { seq, queue, events }: Pick<SpoolRecord, 'seq' | 'queue' | 'events'>,
): string {
  const path = join(homeOf(folder), folderNameOf(queue));
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const fd = openSync(join(path, `${writer}.${String(seq).padStart(12, '0')}.ndjson`), 'w', 0o600);
  try {
    const text = Buffer.from(events.map((texts) => `${lineOf(texts)}\n`).join(''));
    for (let at = 0; at < text.length; ) at += writeSync(fd, text, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  for (const one of [path, homeOf(folder), folder]) syncFolder(one);
  return path;
}

export function refusedIn(folder: string): RefusedFiles[] {
  let names: string[];
  try {
    names = readdirSync(homeOf(folder));
  } catch {
    return [];
  }
  return names.map((name) => {
    const path = join(homeOf(folder), name);
    return { path, files: readdirSync(path).length };
  });
}

/** The name of a queue may hold anything, and may be of any length; that of a folder may not. */
const folderNameOf = (queue: string): string =>
  encodeURIComponent(queue.replace(/\p{Surrogate}/gu, '\ufffd'))
    .replace(/^\./, '%2E')
    .slice(0, 200);

const lineOf = (texts: SpoolRecord['events'][number]): string =>
  JSON.stringify(
    Object.fromEntries(
      FIELDS.flatMap((field, at) =>
        texts[at] === null || texts[at] === undefined ? [] : [[field, texts[at]]],
      ),
    ),
  );
