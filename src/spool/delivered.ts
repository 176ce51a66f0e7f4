// What the folder knows of its deliveries: of each writer the record that was delivered last. The shard decides; a shard that
// knows less than this has lost something.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TIMING } from '../lifecycle/timing.ts';
import { syncFolder } from './folder.ts';
import { spoolMistake } from './mistakes.ts';

interface Delivered {
  readonly seq: number;
  /** In ms since 1970. */
  readonly atMs: number;
}

const nameOf = (folder: string) => join(folder, 'delivered.json');

export class DeliveredPlaces {
  readonly #folder: string;
  readonly #places: Map<string, Delivered>;

  /** @throws where the file is damaged. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#places = new Map(Object.entries(read(nameOf(folder))));
  }

  get writers(): string[] {
    return [...this.#places.keys()];
  }

  of(writer: string): number {
    return this.#places.get(writer)?.seq ?? 0;
  }

  note(writer: string, seq: number): void {
    this.#places.set(writer, { seq, atMs: Date.now() });
  }

  /** @param writers those that have segments. */
  forget(writers: ReadonlySet<string>): void {
    const before = Date.now() - TIMING.spool.rememberedMs;
    for (const [writer, { atMs }] of this.#places)
      if (atMs < before && !writers.has(writer)) this.#places.delete(writer);
  }

  /** @param onDisk whether it outlives a loss of power; before segments are deleted it must. */
  save({ onDisk }: { readonly onDisk: boolean }): void {
    const path = nameOf(this.#folder);
    const made = `${path}.new`;
    const fd = openSync(made, 'w', 0o600);
    try {
      writeSync(fd, JSON.stringify(Object.fromEntries(this.#places)));
      if (onDisk) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(made, path);
    if (onDisk) syncFolder(this.#folder);
  }
}

function read(path: string): Record<string, Delivered> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return JSON.parse(text) as Record<string, Delivered>;
  } catch {
    throw spoolMistake(
      `${path} is damaged: what was delivered before is not known here.`,
      'Delete it if the shard was not restored since: the shard knows.',
    );
  }
}
