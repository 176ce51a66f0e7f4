// Sees that files have changed, by looking at them now and then: that works for files that are replaced, linked, or on a network.
import { statSync } from 'node:fs';

export class FileWatch {
  readonly #paths: () => readonly string[];
  /** How each file stood when it was last taken over, and at the last look. */
  #taken: string;
  #seen: string;

  /** @param paths the files there are to look at now. */
  constructor(paths: () => readonly string[]) {
    this.#paths = paths;
    this.#taken = this.#seen = this.#look();
  }

  /** Whether a file is another one than was taken over. Only at the second look that finds it so: it may be half written at the first. */
  hasChanged(): boolean {
    const now = this.#look();
    const isSettled = now === this.#seen;
    this.#seen = now;
    return isSettled && now !== this.#taken;
  }

  /** Whether a file is another one now than was taken over. */
  get isOther(): boolean {
    return this.#look() !== this.#taken;
  }

  /** The files were read, or are about to be: as they are at the last look, or now. */
  took(): void {
    this.#taken = this.#seen = this.#look();
  }

  #look(): string {
    return this.#paths().map(standOf).join('\n');
  }
}

function standOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${path} ${ino} ${size} ${mtimeMs}`;
  } catch {
    return `${path} none`;
  }
}
