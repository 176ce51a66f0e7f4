// The bytes of one oversized row on their way from a shard's COPY into central's: one chunk at a time, never the row.
import { TributaryError } from '../errors/tributary-error.ts';

export class RowStream implements AsyncIterable<Buffer> {
  #chunk: Buffer | undefined;
  #hasEnded = false;
  #failure: unknown;
  #changed: () => void = () => {};
  #change = new Promise<void>((resolve) => {
    this.#changed = resolve;
  });

  /** Waits until the reader has taken the chunk before. @throws when the reader has given up. */
  async push(chunk: Buffer): Promise<void> {
    while (this.#chunk !== undefined && this.#failure === undefined) await this.#change;
    if (this.#failure !== undefined) {
      throw new TributaryError('Central did not take a large event.', {
        code: 'central-refused',
        kind: 'retryable',
        cause: this.#failure,
      });
    }
    this.#chunk = chunk;
    this.#tell();
  }

  /** All of the row has been pushed. */
  end(): void {
    this.#hasEnded = true;
    this.#tell();
  }

  /** From either side: the other one's next step throws. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#tell();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      while (this.#chunk === undefined && !this.#hasEnded && this.#failure === undefined) await this.#change;
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunk;
      if (chunk === undefined) return;
      this.#chunk = undefined;
      this.#tell();
      yield chunk;
    }
  }

  #tell(): void {
    const changed = this.#changed;
    this.#change = new Promise((resolve) => {
      this.#changed = resolve;
    });
    changed();
  }
}
