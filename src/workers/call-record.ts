// The call of the handler that a worker is in, kept where it outlives the worker: a file without a name that primary and
// worker both have open. Written before each call (two microseconds), read once the worker is dead.
//
// Fails by: nothing that matters. Without the file (no room, no right) an event that kills workers is looked for in slices.
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Events that the handler was called with, and the ticks of their batch. */
export interface Call {
  readonly startTick: number;
  readonly endTick: number;
  /** Ids of the first and the last event. */
  readonly first: number;
  readonly last: number;
  readonly events: number;
}

/** A call with the token that the worker had. */
export interface LastCall extends Call {
  readonly token: number;
}

/** A write into a file on a disk waits now and then until the disk has taken what it is writing just then. */
const MEMORY = '/dev/shm';
/** The environment variable that gives a worker the descriptor of its file. */
const VARIABLE = 'TRIBUTARY_LAST_CALL';
/** The descriptor: behind stdin, stdout, stderr and the channel. */
const PLACE = 4;
const FIELDS = ['token', 'startTick', 'endTick', 'first', 'last', 'events'] as const;
const BYTES = FIELDS.length * 8;

/** The worker's side: writes. */
export class CallRecorder {
  readonly #file: number;
  readonly #numbers = new Float64Array(FIELDS.length);
  readonly #bytes = Buffer.from(this.#numbers.buffer);
  #token = 0;

  constructor(file: number) {
    this.#file = file;
  }

  /** Calls from here on are of the batch with this token. */
  opened(token: number): void {
    this.#token = token;
  }

  /** @returns undefined in a process that was given no file. */
  static inherited(): CallRecorder | undefined {
    return process.env[VARIABLE] === String(PLACE) ? new CallRecorder(PLACE) : undefined;
  }

  /** Called before each call of the handler, so nothing is made here that has to be collected later. */
  note(
    { startTick, endTick }: Pick<Call, 'startTick' | 'endTick'>,
    call: Omit<Call, 'startTick' | 'endTick'>,
  ): void {
    const numbers = this.#numbers;
    // In the order of FIELDS.
    numbers[0] = this.#token;
    numbers[1] = startTick;
    numbers[2] = endTick;
    numbers[3] = call.first;
    numbers[4] = call.last;
    numbers[5] = call.events;
    this.#write();
  }

  /** No call is at work from here on. */
  clear(): void {
    this.#numbers.fill(0);
    this.#write();
  }

  #write(): void {
    try {
      writeSync(this.#file, this.#bytes, 0, BYTES, 0);
    } catch {
      // No room: the file names another batch, or another event of this one, which is tried alone and does no harm.
    }
  }
}

/** The primary's side: reads. */
export class CallRecord {
  readonly #file: number | undefined;

  constructor() {
    for (const folder of [MEMORY, tmpdir()]) {
      const path = join(folder, `tributary-${randomUUID()}`);
      try {
        this.#file = openSync(path, 'wx+', 0o600);
        unlinkSync(path);
        return;
      } catch {}
    }
  }

  /** Whether there is a file. */
  get isKept(): boolean {
    return this.#file !== undefined;
  }

  /** Options that a worker has to be forked with. */
  get inheritance(): {
    readonly stdio: ('inherit' | 'ipc' | number)[];
    readonly env: Record<string, string>;
  } {
    const usual = ['inherit', 'inherit', 'inherit', 'ipc'] as const;
    if (this.#file === undefined) return { stdio: [...usual], env: {} };
    return { stdio: [...usual, this.#file], env: { [VARIABLE]: String(PLACE) } };
  }

  /** The call that a worker was in when it ended; undefined: in none. The file is gone afterwards. */
  take(): LastCall | undefined {
    if (this.#file === undefined) return undefined;
    const numbers = new Float64Array(FIELDS.length);
    try {
      const count = readSync(this.#file, numbers, 0, BYTES, 0);
      closeSync(this.#file);
      const call = Object.fromEntries(FIELDS.map((field, at) => [field, numbers[at]]));
      return count < BYTES || !call.events ? undefined : (call as unknown as LastCall);
    } catch {
      return undefined;
    }
  }
}
