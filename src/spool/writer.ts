// Appends events to a spool: one write for each record, into a segment that only this writer appends to.
//
// Invariant: what was confirmed is whole in the file, and will be delivered. A record that could not be written whole is taken back.
// Order: seq of a writer counts its records without a gap, and segments hold them in that order.
// Fails by: spool-full, and the event is not there. Where a flush to the disk fails, the event may be there or not.
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { EventTexts } from '../queue/insert.ts';
import { bytesIn, isNoSpace, openFolder, segmentPath, syncFolder } from './folder.ts';
import { sizeInWords, spoolFull, spoolMistake } from './mistakes.ts';
import { encodeRecord, MOST_RECORD_BYTES } from './record.ts';

export interface WriterOptions {
  readonly folder: string;
  /** Whether an event is confirmed only once it is on the disk. */
  readonly fsync: boolean;
  /** Of one file; then another one is begun. */
  readonly segmentBytes: number;
  /** Of the folder. */
  readonly limitBytes: number;
}

interface OpenSegment {
  readonly path: string;
  readonly fd: number;
  readonly inode: bigint;
  bytes: number;
  /** Why it is not known whether all of it is on the disk. */
  failure?: unknown;
}

/** How often the folder is looked at for what others wrote, in bytes of our own. */
const LOOK_EVERY_BYTES = 1024 * 1024;

export class SpoolWriter {
  readonly #options: WriterOptions;
  readonly #writer = randomUUID();
  #seq = 0;
  #number = 0;
  #segment: OpenSegment | undefined;
  /** Bytes of the folder when it was looked at last, and ours since. */
  #used = { known: Number.POSITIVE_INFINITY, since: 0 };
  #flush: Promise<void> | undefined;
  #nextFlush: Promise<void> | undefined;

  /** @throws where the folder cannot be made or written to. */
  constructor(options: WriterOptions) {
    this.#options = options;
    openFolder(options.folder);
  }

  /**
   * Resolves once the record is confirmed.
   * @returns its name, `writer:seq`.
   * @throws spool-full
   */
  async append(queue: string, events: readonly EventTexts[]): Promise<string> {
    // Up to here nothing waits: calls are written in their order.
    const seq = this.#seq + 1;
    const record = encodeRecord({ seq, queue, events, atMs: Date.now() });
    if (record.length > MOST_RECORD_BYTES) {
      throw spoolMistake(
        `An event of ${sizeInWords(record.length)} is too large for a spool.`,
        `Send less than ${sizeInWords(MOST_RECORD_BYTES)} at once.`,
      );
    }
    const { folder, limitBytes } = this.#options;
    if (record.length > limitBytes) {
      throw spoolMistake(
        `An event of ${sizeInWords(record.length)} never fits into the spool ${folder}, which may hold ${sizeInWords(limitBytes)}.`,
        'Raise `limit`.',
      );
    }
    this.#mustFit(record.length);
    const segment = this.#write(record, seq);
    if (this.#options.fsync) {
      await this.#flushed();
      if (segment.failure !== undefined) throw this.#diskFailed(segment.failure);
    }
    return `${this.#writer}:${seq}`;
  }

  /** Waits for what is being flushed. */
  async close(): Promise<void> {
    await this.#nextFlush;
    await this.#flush;
    const segment = this.#segment;
    this.#leave();
    if (segment?.failure !== undefined) throw this.#diskFailed(segment.failure);
  }

  #mustFit(bytes: number): void {
    const { folder, limitBytes } = this.#options;
    const isOld = this.#used.since > LOOK_EVERY_BYTES;
    if (isOld || this.#used.known + this.#used.since + bytes > limitBytes)
      this.#used = { known: bytesIn(folder), since: 0 };
    if (this.#used.known + this.#used.since + bytes <= limitBytes) return;
    throw spoolFull(
      `The spool ${folder} is full: it may hold ${sizeInWords(limitBytes)}, and the event was not taken.`,
      'Let `tributary spool` deliver what is in it, or raise `limit`.',
    );
  }

  /** @returns where it is. */
  #write(record: Buffer, seq: number): OpenSegment {
    for (;;) {
      const segment = this.#segmentFor(record.length);
      this.#writeTo(segment, record);
      // From here on the number is used: the record may be read.
      this.#seq = seq;
      this.#used.since += record.length;
      if (this.#isStill(segment)) return segment;
      // The spooler took this segment for one of a writer that is gone, and perhaps had read it to its end. It knows records by
      // their number: where it had not, this one is delivered once all the same.
      this.#leave();
    }
  }

  #segmentFor(bytes: number): OpenSegment {
    const { segmentBytes, folder } = this.#options;
    if (this.#segment !== undefined && this.#segment.bytes > 0 && this.#segment.bytes + bytes > segmentBytes)
      this.#leave();
    if (this.#segment !== undefined) return this.#segment;
    this.#number += 1;
    const path = segmentPath(folder, { writer: this.#writer, number: this.#number });
    let fd: number | undefined;
    try {
      fd = openSync(path, 'ax', 0o600);
      if (this.#options.fsync) syncFolder(folder);
      this.#segment = { path, fd, inode: fstatSync(fd, { bigint: true }).ino, bytes: 0 };
      return this.#segment;
    } catch (error) {
      // Its name may not be on the disk: nothing goes into it.
      if (fd !== undefined) closeSync(fd);
      throw this.#notTaken(error);
    }
  }

  #writeTo(segment: OpenSegment, record: Buffer): void {
    let failure: unknown;
    try {
      if (writeSync(segment.fd, record) === record.length) {
        segment.bytes += record.length;
        return;
      }
    } catch (error) {
      failure = error;
    }
    try {
      ftruncateSync(segment.fd, segment.bytes);
    } catch {
      this.#leave();
    }
    throw this.#notTaken(failure);
  }

  #isStill({ path, inode }: OpenSegment): boolean {
    return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === inode;
  }

  #notTaken(cause: unknown): unknown {
    const { code } = (cause ?? {}) as { readonly code?: unknown };
    const { folder } = this.#options;
    if (cause === undefined || isNoSpace(cause)) {
      return spoolFull(
        `The disk of the spool ${folder} is full, and the event was not taken.`,
        'Free some, or let `tributary spool` deliver what is in it.',
        cause,
      );
    }
    return spoolMistake(
      `The spool ${folder} cannot be written to (${String(code)}), and the event was not taken.`,
      'Look at the rights of the folder and at its disk.',
      cause,
    );
  }

  /** One flush serves all that were written before it began; what failed is noted with the segment. */
  async #flushed(): Promise<void> {
    if (this.#flush === undefined) {
      this.#flush = this.#flushNow().finally(() => {
        this.#flush = undefined;
      });
      return await this.#flush;
    }
    this.#nextFlush ??= this.#flush.then(() => {
      this.#nextFlush = undefined;
      this.#flush = this.#flushNow().finally(() => {
        this.#flush = undefined;
      });
      return this.#flush;
    });
    return await this.#nextFlush;
  }

  #flushNow(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      fdatasync(segment.fd, (error) => {
        if (error !== null) this.#failed(segment, error);
        resolve();
      });
    });
  }

  /** Pages that could not be written may be gone from memory: nothing more is put behind them, and no later flush is believed. */
  #failed(segment: OpenSegment, error: unknown): void {
    segment.failure ??= error;
    if (this.#segment !== segment) return;
    this.#segment = undefined;
    this.#close(segment);
  }

  #diskFailed(cause: unknown): unknown {
    const { code } = (cause ?? {}) as { readonly code?: unknown };
    return spoolMistake(
      `The disk of the spool ${this.#options.folder} failed (${String(code)}): the event may be in it or not.`,
      'Look at the disk.',
      cause,
    );
  }

  /** The segment is complete; with `fsync` it is on the disk before the next one is begun. */
  #leave(): void {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment === undefined) return;
    try {
      if (this.#options.fsync) fdatasyncSync(segment.fd);
    } catch (error) {
      // Told to those who wait for what is in it; the next event goes into another file.
      segment.failure ??= error;
    }
    this.#close(segment);
  }

  /** Behind the flush that is under way: it must not meet another file under the same number. */
  #close({ fd }: OpenSegment): void {
    if (this.#flush === undefined) closeSync(fd);
    else void this.#flush.finally(() => closeSync(fd));
  }
}
