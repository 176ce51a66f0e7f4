// A query of several statements, one of them a small COPY TO STDOUT, in one message; all rows as arrays of texts.
//
// What the COPY sends is kept in memory: the statement has to see to it that it is little. More than the given bytes is dropped.
import { driver } from './driver.ts';

export type TextRows = (string | null)[][];

export interface CopyOutScriptEnd {
  /** @param bytes of the COPY; undefined: it sent more than was allowed. */
  resolve(results: readonly TextRows[], bytes: Buffer | undefined): void;
  /** @param results of the statements before the one that failed. */
  reject(error: Error, results: readonly TextRows[]): void;
}

const asIs = (value: string) => value;
/** For queries whose rows are wanted as texts. */
export const asText = { getTypeParser: () => asIs };

/** What the driver has so far: of several statements an array. */
interface Gathered {
  readonly _results: { readonly rows: TextRows } | readonly { readonly rows: TextRows }[];
}

export class CopyOutScript extends driver.Query {
  readonly #mostBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(text: string, mostBytes: number, { resolve, reject }: CopyOutScriptEnd) {
    super({ text, rowMode: 'array', types: asText } as unknown as string, (error) => {
      const results = [(this as unknown as Gathered)._results].flat().map(({ rows }) => rows);
      if (error !== undefined && error !== null) reject(error, results);
      else resolve(results, this.#bytes > mostBytes ? undefined : Buffer.concat(this.#chunks));
    });
    this.#mostBytes = mostBytes;
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#bytes += chunk.length;
    // The driver uses the buffer again.
    if (this.#bytes <= this.#mostBytes) this.#chunks.push(Buffer.from(chunk));
    else this.#chunks = [];
  }
}
