// The bytes of one oversized row on their way from a shard's COPY into central's: one chunk at a time, never the row.
//
// A row that goes to several central queues comes once for each, one stream behind the other.
import { TributaryError } from '../errors/tributary-error.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Signal } from '../lifecycle/wait.ts';

const LEAST_BYTES_PER_MS = 256;

/** The same row for another central queue. */
export interface RowCopy {
  readonly queue: string;
  readonly isDelaying: boolean;
  readonly stream: RowStream;
}

export class RowStream implements AsyncIterable<Buffer> {
  #chunk: Buffer | undefined;
  #hasEnded = false;
  #failure: unknown;
  #isBrokenOff = false;
  #copy: RowCopy | undefined;
  readonly #changed = new Signal();
  readonly #beganMs = performance.now();
  #bytes = 0;

  /** The shard did not send all of it: central is not to blame. */
  get isBrokenOff(): boolean {
    return this.#isBrokenOff || this.#copy?.stream.isBrokenOff === true;
  }

  /** The copy for the next queue; undefined: there is none, or it has not begun. */
  get copy(): RowCopy | undefined {
    return this.#copy;
  }

  /** How many have begun. */
  get rows(): number {
    return 1 + (this.#copy?.stream.rows ?? 0);
  }

  /** How fast it came so far; undefined where that is fast enough. */
  get bytesPerMsWhereSlow(): number | undefined {
    const ms = performance.now() - this.#beganMs;
    const speed = this.#bytes / ms;
    return ms < TIMING.reading.slowRowMs || speed > LEAST_BYTES_PER_MS ? undefined : speed;
  }

  /** Waits until the reader has taken the chunk before. @throws when the reader has given up. */
  async push(chunk: Buffer): Promise<void> {
    while (this.#chunk !== undefined && this.#failure === undefined) await this.#changed.next();
    if (this.#failure !== undefined) {
      throw new TributaryError('Central did not take a large event.', {
        code: 'central-refused',
        kind: 'retryable',
        cause: this.#failure,
      });
    }
    this.#chunk = chunk;
    this.#bytes += chunk.length;
    this.#changed.notify();
  }

  /** All of the row has been pushed. */
  end(): void {
    this.#hasEnded = true;
    this.#changed.notify();
  }

  /** All of the row has been pushed, and it comes once more for another queue. @returns the stream of that copy. */
  goOn(to: Omit<RowCopy, 'stream'>): RowStream {
    const stream = new RowStream();
    this.#copy = { ...to, stream };
    if (this.#failure !== undefined) stream.refuse(this.#failure);
    this.end();
    return stream;
  }

  /** The rest of the row does not come: the reader throws. */
  breakOff(error: unknown): void {
    this.#isBrokenOff ||= this.#failure === undefined && !this.#hasEnded;
    this.refuse(error);
  }

  /** The row is not taken: the next push throws. */
  refuse(error: unknown): void {
    this.#failure ??= error;
    this.#copy?.stream.refuse(error);
    this.#changed.notify();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      while (this.#chunk === undefined && !this.#hasEnded && this.#failure === undefined)
        await this.#changed.next();
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunk;
      if (chunk === undefined) return;
      this.#chunk = undefined;
      this.#changed.notify();
      yield chunk;
    }
  }
}
